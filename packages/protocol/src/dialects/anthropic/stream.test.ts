import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import { messageStream } from './stream.ts';

const facts = { requestId: 'req_1', model: 'claude-local', createdS: 0 };
const newStream = () => messageStream(facts, () => 'toolu_1');

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const chunk = (delta: object, finish: string | null = null): Uint8Array =>
  bytes(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
const DONE = bytes('data: [DONE]\n\n');

/** Types of the events in order. */
const typesOf = (text: string): readonly string[] =>
  [...text.matchAll(/^event: (\w+)$/gm)].map(([, type = '']) => type);

describe('A stream of a message', () => {
  test('opens once, before any event of the node', () => {
    const stream = newStream();

    expect(typesOf(stream.opening())).toEqual(['message_start']);
    expect(stream.opening()).toBe('');
    expect(typesOf(stream.push(chunk({ content: 'a' })))).toEqual([
      'content_block_start',
      'content_block_delta',
    ]);
  });

  test('opens by itself where nobody asked for it', () => {
    expect(typesOf(newStream().push(chunk({ content: 'a' })))[0]).toBe('message_start');
    expect(typesOf(newStream().push(bytes(': keep-alive\n')))).toEqual(['message_start', 'ping']);
  });

  test('sends each delta as it comes', () => {
    const stream = newStream();
    stream.opening();

    const sent = ['a', 'b', 'c'].map((content) => stream.push(chunk({ content })));

    expect(sent.map((text) => text.includes('content_block_delta'))).toEqual([true, true, true]);
    expect(stream.push(chunk({ reasoning_content: 'd' }))).toContain('thinking_delta');
  });

  test('turns comments of the node into pings, but not its usage', () => {
    const stream = newStream();
    stream.opening();

    expect(stream.push(bytes(': keep-alive\n'))).toBe(stream.keepAlive());
    expect(stream.push(bytes(': usage {"prompt_tokens":1}\n'))).toBe('');
    expect(typesOf(stream.keepAlive())).toEqual(['ping']);
  });

  test('waits for the usage behind the finish reason, and writes nothing after its end', () => {
    const stream = newStream();
    stream.opening();
    stream.push(chunk({ content: 'a' }));

    expect(stream.push(chunk({}, 'stop'))).toBe('');
    expect(typesOf(stream.push(DONE))).toEqual([
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(stream.push(chunk({ content: 'b' }))).toBe('');
    expect(stream.push(bytes(': keep-alive\n'))).toBe('');
    expect(stream.end()).toBe('');
    expect(stream.fail(new CortexError('node_timeout', 'Late.'))).toBe('');
    expect(stream.keepAlive()).toBe('');
  });

  test('fails at its end if the node gave no reason, and says so once', () => {
    const stream = newStream();
    stream.push(chunk({ content: 'a' }));

    const text = stream.end();

    expect(typesOf(text)).toEqual(['error']);
    expect(text).toContain('upstream_disconnected');
    expect(stream.end()).toBe('');
    expect(stream.fail(new CortexError('upstream_disconnected', 'Cut.'))).toBe('');

    const other = newStream();
    expect(typesOf(other.push(DONE))).toEqual(['message_start', 'error']);
    expect(other.failure?.code).toBe('upstream_disconnected');
  });

  test('sends what came before an event that is not JSON, and then fails', () => {
    const stream = newStream();

    const text = stream.push(
      bytes(`${new TextDecoder().decode(chunk({ content: 'a' }))}data: {\n\n`),
    );

    expect(text).toContain('"text":"a"');
    expect(typesOf(text).at(-1)).toBe('error');
    expect(stream.failure?.code).toBe('node_protocol_error');
    expect(stream.push(chunk({ content: 'b' })) + stream.end()).toBe('');
  });

  test('keeps nothing of another stream', () => {
    const one = newStream();
    const other = newStream();
    one.push(chunk({ content: 'a' }));

    expect(other.push(chunk({ content: 'b' }))).toContain('"index":0');
  });
});
