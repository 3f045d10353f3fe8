import { createInterface, type Interface } from 'node:readline';

import { CliError } from '../cli-error.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';
import { visibleText } from '../output/visible-text.ts';
import { AnswerWriter } from './answer-writer.ts';
import { type Answer, type Conversation } from './conversation.ts';
import { runSlashCommand, type SlashOutcome } from './slash-command.ts';

/** Two Ctrl-C within this time end the chat. */
const LEAVE_WINDOW_MS = 2000;

export interface ChatSession {
  readonly conversation: Conversation;
  readonly client: GatewayClient;
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** The line below an answer: tokens and time, and the finish reason unless it is `stop`. */
function footer({ finish, usage }: Answer, elapsedMs: number): string {
  const parts: string[] = [];
  if (finish !== 'stop') parts.push(finish === 'length' ? 'cut: token limit' : finish);
  if (usage) parts.push(`${usage.completion_tokens} tokens`);
  parts.push(`${(elapsedMs / 1000).toFixed(1)} s`);
  return parts.join(' · ');
}

async function answer(session: ChatSession, question: string, signal: AbortSignal): Promise<void> {
  const { conversation, terminal, paint } = session;
  const writer = new AnswerWriter(terminal, paint);
  const startedMs = performance.now();
  try {
    const result = await conversation.ask(question, (delta) => writer.write(delta), signal);
    writer.end();
    terminal.print(paint('dim', footer(result, performance.now() - startedMs)));
  } catch (error) {
    writer.end();
    if (!(error instanceof CliError)) throw error;
    terminal.print(paint('red', visibleText(error.message)));
  }
}

/** Runs the slash command in `line`; an error of the gateway is printed and does not end the chat. */
async function command(
  { conversation, client }: ChatSession,
  line: string,
): Promise<SlashOutcome | undefined> {
  try {
    return await runSlashCommand(line, { conversation, client });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { kind: 'say', text: visibleText(error.message) };
  }
}

/** Deletes the text that has been typed: Ctrl-U deletes only what is before the cursor. */
function deleteLine(readline: Interface): void {
  readline.write(null, { ctrl: true, name: 'e' });
  readline.write(null, { ctrl: true, name: 'u' });
}

/** Runs a chat in the terminal until Ctrl-D, `/quit`, or Ctrl-C twice. */
export async function runInteractiveChat(session: ChatSession): Promise<void> {
  const { conversation, terminal, paint } = session;
  const readline = createInterface({
    input: session.input,
    output: session.output,
    terminal: terminal.isInteractive,
    prompt: paint('bold', '› '),
  });
  let running: AbortController | undefined;
  let interruptedMs = -LEAVE_WINDOW_MS;
  /** The lines before the current one that belong to the same question. */
  let unfinished = '';
  readline.on('SIGINT', () => {
    if (running !== undefined) return running.abort();
    if (readline.line !== '' || unfinished !== '') {
      unfinished = '';
      deleteLine(readline);
      terminal.print('');
      return readline.prompt();
    }
    if (performance.now() - interruptedMs < LEAVE_WINDOW_MS) return readline.close();
    interruptedMs = performance.now();
    terminal.print(paint('dim', '\n(press Ctrl-C again or Ctrl-D to quit)'));
    return readline.prompt();
  });

  // Ctrl-D during an answer closes readline; lines typed before it are still read.
  let isClosed = false;
  readline.on('close', () => {
    isClosed = true;
  });
  const prompt = (): void => {
    if (!isClosed) readline.prompt();
  };

  terminal.print(
    paint('dim', `Talking to ${conversation.model}. /help for commands, Ctrl-D to quit.`),
  );
  prompt();
  for await (const line of readline) {
    if (line.endsWith('\\')) {
      unfinished += `${line.slice(0, -1)}\n`;
      continue;
    }
    const said = (unfinished + line).trim();
    unfinished = '';
    const outcome = said === '' ? undefined : await command(session, said);
    if (outcome?.kind === 'quit') break;
    if (outcome?.kind === 'say') terminal.print(paint('dim', outcome.text));
    else if (said !== '') {
      running = new AbortController();
      await answer(session, said, running.signal);
      running = undefined;
    }
    prompt();
  }
  readline.close();
  terminal.print('');
}
