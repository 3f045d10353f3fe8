import { describe, expect, test } from 'bun:test';

import { formatUsageComment, SSE_DONE } from '@cortex/protocol';
import { SCRIPTED_USAGE } from '@cortex/testkit';

import { StreamTap } from './stream-tap.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const chunk = (delta: object): string => `data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`;

function tapped(...pushes: readonly string[]): StreamTap {
  const tap = new StreamTap();
  for (const [index, text] of pushes.entries()) tap.push(bytes(text), index + 1);
  return tap;
}

describe('the first content', () => {
  test('is neither the role nor a comment', () => {
    const tap = tapped(
      ': keep-alive\n\n',
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'a' }),
    );

    expect(tap.firstContentMs).toBe(3);
    expect(tap.contentEvents).toBe(1);
  });

  for (const [name, event] of [
    ['reasoning', chunk({ reasoning_content: 'hm' })],
    ['a tool call', chunk({ tool_calls: [{ index: 0 }] })],
    ['text of a completion', 'data: {"choices":[{"text":"a"}]}\n\n'],
    ['without a space after data:', 'data:{"choices":[{"text":"a"}]}\n\n'],
  ] as const) {
    test(`may be ${name}`, () => {
      expect(tapped(event).firstContentMs).toBe(1);
    });
  }

  test('absent in a stream that has none', () => {
    expect(tapped('data: nonsense\n\n', SSE_DONE).firstContentMs).toBeUndefined();
  });
});

describe('counting', () => {
  test('counts every event from the first content on, several in one chunk, CRLF and comments between', () => {
    const one = chunk({ content: 'a' });
    const tap = tapped(
      chunk({ role: 'assistant' }) + one + one,
      `${one}: keep-alive\n\n${one}`,
      one.replaceAll('\n', '\r\n') + one,
    );

    expect(tap.contentEvents).toBe(6);
    expect(tap.lastContentMs).toBe(3);
  });
});

describe('the end of a stream', () => {
  test('has the usage of its node, however long the stream was', () => {
    const long = chunk({ content: 'x'.repeat(1000) });
    const tap = tapped(
      ...Array.from({ length: 50 }, () => long),
      formatUsageComment(SCRIPTED_USAGE) + SSE_DONE,
    );

    expect(tap.end()).toMatchObject({ usage: SCRIPTED_USAGE, isDone: true, errorCode: undefined });
  });

  test('is not done without [DONE], nor by a text that says [DONE]', () => {
    expect(tapped(chunk({ content: 'data: [DONE]' })).end().isDone).toBe(false);
  });

  test('tells the code of an error event', () => {
    const tap = tapped('data: {"error":{"code":"node_recovering"}}\n\n', SSE_DONE);

    expect(tap.end().errorCode).toBe('node_recovering');
  });
});
