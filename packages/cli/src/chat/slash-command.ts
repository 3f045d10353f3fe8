import { type GatewayClient } from '../client/gateway-client.ts';
import { type Conversation } from './conversation.ts';

export type SlashOutcome =
  { readonly kind: 'say'; readonly text: string } | { readonly kind: 'quit' };

const HELP = [
  '/model [ID]     list the models, or switch to one',
  '/system [TEXT]  set or remove the system prompt',
  '/think          turn thinking on or off',
  '/clear          delete the conversation',
  '/quit           quit (also Ctrl-D, or Ctrl-C twice)',
  'Ctrl-C stops an answer or deletes the typed text. A line that ends with \\ continues on the next one.',
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

/** Runs a command such as `/think`; undefined if the line is a question to the model. */
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
      return say('Conversation deleted.');
    case 'system':
      conversation.system = argument.trim() === '' ? undefined : argument.trim();
      return say(conversation.system === undefined ? 'No system prompt.' : 'System prompt set.');
    case 'think':
      conversation.isThinking = !conversation.isThinking;
      return say(conversation.isThinking ? 'Thinking is on.' : 'Thinking is off.');
    case 'model':
      return changeModel(argument.trim(), conversation, client);
    case 'help':
      return say(HELP);
    default:
      return say(`Unknown command /${name}.\n${HELP}`);
  }
}
