import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'bun:test';

import { Conversation } from '../src/chat/conversation.ts';
import { runInteractiveChat } from '../src/chat/interactive.ts';
import { CliError } from '../src/cli-error.ts';
import { type ChatDelta } from '../src/client/gateway-client.ts';
import { FakeClient, FakeTerminal, plain } from './fake-client.ts';

/** A whole chat: the lines that a user types, then Ctrl-D. */
async function converse(lines: readonly string[], client = new FakeClient()) {
  const terminal = new FakeTerminal();
  const input = new PassThrough();
  const output = new PassThrough();
  output.resume();
  const conversation = new Conversation(client, { model: 'cortex-tiny' });
  const over = runInteractiveChat({ conversation, client, terminal, paint: plain, input, output });
  input.end(lines.map((line) => `${line}\n`).join(''));
  await over;
  return { client, terminal, conversation };
}

class InteractiveTerminal extends FakeTerminal {
  override readonly isInteractive: boolean = true;
}

/** A chat in which these keys are pressed: `\x03` is Ctrl-C, `\x04` Ctrl-D, `\r` Enter. */
async function press(...keys: readonly string[]) {
  const client = new FakeClient();
  const terminal = new InteractiveTerminal();
  const input = new PassThrough();
  const output = new PassThrough();
  output.resume();
  const conversation = new Conversation(client, { model: 'cortex-tiny' });
  const over = runInteractiveChat({ conversation, client, terminal, paint: plain, input, output });
  for (const some of keys) {
    input.write(some);
    // The chat takes a line one turn of the event loop after Enter.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await over;
  return { client, terminal };
}

class FailingOnce extends FakeClient {
  override async *chat(body: Readonly<Record<string, unknown>>): AsyncGenerator<ChatDelta> {
    if (this.bodies.length === 0) {
      this.bodies.push(body);
      throw new CliError('the node is gone');
    }
    yield* super.chat(body);
  }
}

describe('cortex chat in a terminal', () => {
  test('sends the earlier turns of the conversation with each question', async () => {
    const { client, terminal } = await converse(['hi', 'and now?']);

    expect(client.bodies[1]?.['messages']).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: 'and now?' },
    ]);
    expect(terminal.text.match(/Hello\./g)).toHaveLength(2);
  });

  test('shows reasoning before the answer and does not send it with the next question', async () => {
    const client = new FakeClient();
    client.answer = [{ reasoning: 'Let me see.' }, { text: '\n\nYes.' }];

    const { terminal } = await converse(['really?', 'sure?'], client);

    expect(terminal.text).toContain('Let me see.\n\nYes.\n');
    expect(client.bodies[1]?.['messages']).toContainEqual({
      role: 'assistant',
      content: '\n\nYes.',
    });
  });

  test('obeys /clear, /system, /think and /model from the next turn on', async () => {
    const { client } = await converse([
      'hi',
      '/clear',
      '/system Be brief.',
      '/think',
      '/model other',
      'hi',
    ]);

    expect(client.bodies[1]).toMatchObject({
      model: 'other',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'hi' },
      ],
      chat_template_kwargs: { enable_thinking: true },
    });
  });

  test('lists the commands on /help and on an unknown command, without a request', async () => {
    const { client, terminal } = await converse(['/help', '/nonsense']);

    expect(client.bodies).toEqual([]);
    expect(terminal.text.match(/\/system/g)).toHaveLength(2);
    expect(terminal.text).toContain('Unknown command /nonsense.');
  });

  test('Ctrl-C deletes a begun line and does not ask to quit', async () => {
    const { client, terminal } = await press('half a line\x03hi\r\x04');

    expect(client.bodies.map((body) => body['messages'])).toEqual([
      [{ role: 'user', content: 'hi' }],
    ]);
    expect(terminal.text).not.toContain('press Ctrl-C again');
  });

  test('Ctrl-C deletes the earlier lines of a question that continues', async () => {
    const { client } = await press('one \\\r', '\x03hi\r\x04');

    expect(client.bodies[0]?.['messages']).toEqual([{ role: 'user', content: 'hi' }]);
  });

  test('Ctrl-C on an empty line asks, and a second one quits', async () => {
    const { client, terminal } = await press('\x03\x03hi\r');

    expect(terminal.text).toContain('press Ctrl-C again');
    expect(client.bodies).toEqual([]);
  });

  test('ends at once on /quit', async () => {
    const { client } = await converse(['/quit', 'hi']);

    expect(client.bodies).toEqual([]);
  });

  test('shows a failed turn in one line and omits it from the conversation', async () => {
    const { client, terminal } = await converse(['hi', 'again'], new FailingOnce());

    expect(terminal.text).toContain('the node is gone');
    expect(client.bodies[1]?.['messages']).toEqual([{ role: 'user', content: 'again' }]);
  });

  test('joins a line that ends with a backslash and the next one', async () => {
    const { client } = await converse(['one \\', 'two']);

    expect(client.bodies[0]?.['messages']).toEqual([{ role: 'user', content: 'one \ntwo' }]);
  });
});

describe('a turn that the user stops', () => {
  test('keeps the text received so far in the conversation', async () => {
    const stopping = new AbortController();
    const client = new FakeClient();
    client.chat = async function* (body) {
      this.bodies.push(body);
      yield await Promise.resolve({ text: 'It is' });
      stopping.signal.throwIfAborted();
    };
    const conversation = new Conversation(client, { model: 'm' });

    const answer = await conversation.ask('what?', () => stopping.abort(), stopping.signal);

    expect(answer).toMatchObject({ text: 'It is', finish: 'cancelled' });
    expect(conversation.turns).toBe(1);
  });
});
