import { describe, expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { WholeEvents } from './whole-events.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text: string): Uint8Array => encoder.encode(text);

/** What comes out of each push, and of the end. */
function relay(chunks: readonly Uint8Array[]): { pushed: string[]; rest: string } {
  const events = new WholeEvents();
  const pushed = chunks.map((chunk) => decoder.decode(events.push(chunk) ?? new Uint8Array()));
  return { pushed, rest: decoder.decode(events.end() ?? new Uint8Array()) };
}

test('a chunk that ends with a blank line passes untouched, without a copy', () => {
  const chunk = bytes('data: 1\n\ndata: 2\n\n');

  expect(new WholeEvents().push(chunk)).toBe(chunk);
});

test('an unfinished event waits for its end', () => {
  expect(relay([bytes('data: 1\n\nda'), bytes('ta: 2'), bytes('\n\ndata: 3')])).toEqual({
    pushed: ['data: 1\n\n', '', 'data: 2\n\n'],
    rest: 'data: 3',
  });
});

test.each([
  ['data: 1\n', '\n'],
  ['data: 1\r\n', '\r\n'],
  ['data: 1\r\n\r', '\n'],
  ['data: 1\r', '\n\r\n'],
])('a blank line split into %j and %j is found', (first, second) => {
  expect(relay([bytes(first), bytes(second)])).toEqual({ pushed: ['', first + second], rest: '' });
});

test('an event may grow to 1 MiB, and no further', () => {
  const events = new WholeEvents();
  events.push(new Uint8Array(1 << 20).fill(0x61));

  expect(() => events.push(bytes('b'))).toThrow('more than 1048576 bytes');
});

test('a whole event of more than 1 MiB in one chunk passes', () => {
  const chunk = bytes(`data: ${'a'.repeat(2 << 20)}\n\n`);

  expect(new WholeEvents().push(chunk)).toBe(chunk);
});

function cut(whole: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % (whole.length + 1)))].sort(
    (a, b) => a - b,
  );
  return [...ends, whole.length].map((end, index) => whole.slice(ends[index - 1] ?? 0, end));
}

describe('for every chunking of a stream', () => {
  const line = fc.oneof(
    fc
      .string({ unit: 'grapheme', maxLength: 12 })
      .map((text) => `data: ${text.replaceAll(/[\r\n]/g, ' ')}`),
    fc.constantFrom(': keep-alive', 'event: x', 'data: {"a":"\\n\\n"}', 'data: [DONE]', 'data:'),
  );
  const stream = fc
    .tuple(
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.array(line, { minLength: 1, maxLength: 3 }), { maxLength: 8 }),
      fc.constantFrom('', 'data: unfinished', 'data: cut\n', 'data: cut\r'),
    )
    .map(([end, events, rest]) => ({
      end,
      text: events.map((lines) => lines.map((text) => text + end).join('') + end).join('') + rest,
      rest,
    }));

  test('the same bytes come out, and every write but the last ends an event', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 20 }), ({ text, end, rest }, places) => {
        const relayed = relay(cut(bytes(text), places));

        expect(relayed.pushed.join('') + relayed.rest).toBe(text);
        expect(relayed.rest).toBe(rest);
        for (const write of relayed.pushed)
          expect(write === '' || write.endsWith(end + end)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('single bytes release each event with its last byte', () => {
    fc.assert(
      fc.property(stream, ({ text, end }) => {
        const whole = bytes(text);
        const single = relay([...whole].map((byte) => new Uint8Array([byte])));

        const events = single.pushed.filter((write) => write !== '');

        expect(events.length).toBe(text.split(end + end).length - 1);
      }),
    );
  });
});
