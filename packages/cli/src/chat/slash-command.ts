import { type GatewayClient } from '../client/gateway-client.ts';
import { type Conversation } from './conversation.ts';

export type SlashOutcome =
  { readonly kind: 'say'; readonly text: string } | { readonly kind: 'quit' };

const HELP = [
  '/model [ID]     show the models, or change to one',
  '/system [TEXT]  set the system prompt, or take it away',
  '/think          turn thinking before answering on or off',
  '/clear          forget the conversation',
  '/quit           leave (Ctrl-D, or Ctrl-C twice)',
  'Ctrl-C stops an answer. A line that ends with \\ goes on in the next one.',
].join('\n');

const say = (text: string): SlashOutcome => ({ kind: 'say', text });

async function changeModel(
  wanted: string,
  conversation: Conversation,
  client: GatewayClient,
): Promise<SlashOutcome> {
  const models = await client.models();
  const names = models.flatMap(({ id, aliases }) => [id, ...(aliases ?? [])]);
  if (wanted === '') {
    const marked = names.map((name) => (name === conversation.model ? `* ${name}` : `  ${name}`));
    return say(marked.join('\n'));
  }
  conversation.model = wanted;
  return say(
    names.includes(wanted)
      ? `Now talking to ${wanted}.`
      : `Now talking to ${wanted}, which is not in the list of models.`,
  );
}

/** Does what a line such as `/think` asks for; undefined when the line is a question to the model. */
export async function runSlashCommand(
  line: string,
  { conversation, client }: { conversation: Conversation; client: GatewayClient },
): Promise<SlashOutcome | undefined> {
  const match = /^\/(\S*)\s*(.*)$/s.exec(line);
  if (match === null) return undefined;
  const [, name = '', argument = ''] = match;
  switch (name) {
    case 'quit':
    case 'exit':
    case 'q':
      return { kind: 'quit' };
    case 'clear':
      conversation.clear();
      return say('Forgotten.');
    case 'system':
      conversation.system = argument.trim() === '' ? undefined : argument.trim();
      return say(conversation.system === undefined ? 'No system prompt.' : 'System prompt set.');
    case 'think':
      conversation.isThinking = !conversation.isThinking;
      return say(conversation.isThinking ? 'Thinking is on.' : 'Thinking is off.');
    case 'model':
      return changeModel(argument.trim(), conversation, client);
    default:
      return say(HELP);
  }
}
