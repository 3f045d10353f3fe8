import { describe, expect, test } from 'bun:test';

import { formatUsageComment, SSE_DONE } from '@cortex/protocol';
import { SCRIPTED_USAGE } from '@cortex/testkit';

import { StreamTap } from './stream-tap.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const chunk = (delta: object): string => `data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`;

function tapped(...pushes: readonly string[]): StreamTap {
  const tap = new StreamTap('beast');
  for (const [index, text] of pushes.entries()) tap.push(bytes(text), index + 1);
  return tap;
}

describe('the time of the first content', () => {
  test('is not set by the role or by a comment', () => {
    const tap = tapped(
      ': keep-alive\n',
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'a' }),
    );

    expect(tap.firstContentMs).toBe(3);
    expect(tap.contentEvents).toBe(1);
  });

  for (const [name, event] of [
    ['reasoning', chunk({ reasoning_content: 'hm' })],
    ['a tool call', chunk({ tool_calls: [{ index: 0 }] })],
    ['the text of a completion', 'data: {"choices":[{"text":"a"}]}\n\n'],
    ['text without a space after data:', 'data:{"choices":[{"text":"a"}]}\n\n'],
  ] as const) {
    test(`is set by ${name}`, () => {
      expect(tapped(event).firstContentMs).toBe(1);
    });
  }

  test('is undefined for a stream without content', () => {
    expect(tapped('data: nonsense\n\n', SSE_DONE).firstContentMs).toBeUndefined();
  });
});

test('counts every event from the first content on, also several per chunk with CRLF and comments between them', () => {
  const one = chunk({ content: 'a' });
  const tap = tapped(
    chunk({ role: 'assistant' }) + one + one,
    `${one}: keep-alive\n${one}`,
    one.replaceAll('\n', '\r\n') + one,
    SSE_DONE,
  );

  expect(tap.contentEvents).toBe(6);
  expect(tap.lastContentMs).toBe(3);
});

test('does not count [DONE] of a stream that arrives as one chunk', () => {
  const one = chunk({ content: 'a' });

  expect(tapped(one + one + SSE_DONE).contentEvents).toBe(2);
  expect(
    tapped(one + SSE_DONE.replace('data: ', 'data:').replaceAll('\n', '\r\n')).contentEvents,
  ).toBe(1);
});

describe('model_not_loaded', () => {
  const lost = 'data: {"error":{"code":"model_not_loaded","message":"x","status":404}}\n\n';
  const word = chunk({ content: 'a' });
  const text = (passed: Uint8Array | undefined): string => new TextDecoder().decode(passed);

  test.each([
    ['alone', lost, ''],
    ['after content and a comment in the same chunk', `${word}: keep-alive\n${lost}`, word],
    ['before [DONE]', lost + SSE_DONE, ''],
    ['with CRLF', (word + lost).replaceAll('\n', '\r\n'), word.replaceAll('\n', '\r\n')],
    ['with spaces', `${word}data: { "error" : { "code" : "model_not_loaded" } }\n\n`, word],
    ['as an error event', `${word}event: error\n${lost}`, word],
    [
      'after characters of several bytes',
      chunk({ content: 'é€😀' }) + lost,
      chunk({ content: 'é€😀' }),
    ],
  ])('is not passed on %s', (_, pushed, passed) => {
    const tap = tapped(word);

    expect(text(tap.push(bytes(pushed), 2))).toBe(passed);
    expect(tap.isNotLoaded).toBe(true);
    expect(tap.contentEvents).toBe(passed === '' ? 1 : 2);
  });

  test('is found in an event that arrives in pieces, as the first of a stream', () => {
    const tap = tapped(lost.slice(0, 30));

    expect(tap.isNotLoaded).toBe(false);
    expect(tap.push(bytes(lost.slice(30)), 2)).toBeUndefined();
    expect(tap.isNotLoaded).toBe(true);
  });

  test.each([
    chunk({ content: '{"error":{"code":"model_not_loaded"}}' }),
    'data: {"error":{"code":"queue_full","message":"model_not_loaded"}}\n\n',
    'data: model_not_loaded\n\n',
    ': model_not_loaded\n' + word,
  ])('is only the code of an error event, not a text: %s', (pushed) => {
    const tap = tapped(word);

    expect(text(tap.push(bytes(pushed), 2))).toBe(pushed);
    expect(tap.isNotLoaded).toBe(false);
  });
});

describe('StreamTap.end()', () => {
  test('returns the usage that the node sent, whatever the length of the stream', () => {
    const long = chunk({ content: 'x'.repeat(1000) });
    const tap = tapped(
      ...Array.from({ length: 50 }, () => long),
      formatUsageComment(SCRIPTED_USAGE) + SSE_DONE,
    );

    expect(tap.end()).toMatchObject({ usage: SCRIPTED_USAGE, isDone: true, error: undefined });
  });

  test('reports a stream as incomplete without [DONE], even if a text contains [DONE]', () => {
    expect(tapped(chunk({ content: 'data: [DONE]' })).end().isDone).toBe(false);
  });

  test.each(['data: [DONE]', 'data: [DONE]\n', 'data:[DONE]\r\n', ': x\ndata: [DONE]\n'])(
    'reports a stream that ends with %j as complete',
    (rest) => {
      for (const pushes of [
        [chunk({ content: 'a' }) + rest],
        [chunk({ content: 'a' }), ...rest.split('')],
      ])
        expect(tapped(...pushes).end()).toMatchObject({ isDone: false, isDoneCut: true });
    },
  );

  test.each([
    'data: [DON',
    'data: [DONE] x',
    'event: x\ndata: [DONE]\n',
    'data: a\ndata: [DONE]\n',
    '',
  ])('reports a stream that ends with %j as incomplete', (rest) => {
    expect(tapped(chunk({ content: 'a' }) + rest).end()).toMatchObject({
      isDone: false,
      isDoneCut: false,
    });
  });

  test.each([
    ['{"error":{"code":"node_recovering"}}', { code: 'node_recovering', status: 503 }],
    ['{ "error" : {"message":"x"}}', { code: 'unknown', status: 502 }],
    ['{"error":"out of memory"}', { code: 'unknown', status: 502 }],
    [
      '{"error":{"code":"model_load_failed","status":503}}',
      { code: 'model_load_failed', status: 503 },
    ],
    ['{"error":{"code":"teapot","status":1e9}}', { code: 'teapot', status: 502 }],
    ['{"error":{"message":"x","code":400}}', { code: 'unknown', status: 400 }],
    ['{"object":"error","message":"x","code":503}', { code: 'unknown', status: 503 }],
    [
      `{"error":{"message":"${'x'.repeat(9000)}","code":"queue_full"}}`,
      { code: 'queue_full', status: 503 },
    ],
    ['{"choices":[],"error":null}', undefined],
    ['{"choices":[{"delta":{"content":"{\\"error\\":1}"}}]}', undefined],
  ])('returns code and status of the error event %p', (data, error) => {
    for (const event of [`data: ${data}\n\n`, `event: error\r\ndata:${data}\r\n\r\n`]) {
      expect(tapped(chunk({ content: 'a' }), event, SSE_DONE).end().error).toEqual(error);
      expect(tapped(chunk({ content: 'a' }), event).end().error).toEqual(error);
    }
  });
});
