import { describe, expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { WholeEvents } from './whole-events.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text: string): Uint8Array => encoder.encode(text);

/** The text that each push passes. */
function pushAll(chunks: readonly Uint8Array[], events = new WholeEvents()): string[] {
  return chunks.map((chunk) => decoder.decode(events.push(chunk) ?? new Uint8Array()));
}

const pushText = (...chunks: readonly string[]): string[] => pushAll(chunks.map(bytes));

describe('WholeEvents', () => {
  test('returns a chunk of whole events without copying it', () => {
    const chunk = bytes('data: 1\n\ndata: 2\n\n');

    expect(new WholeEvents().push(chunk)).toBe(chunk);
  });

  test('holds an incomplete event until its end arrives', () => {
    expect(pushText('data: 1\n\nda', 'ta: 2', '\n\ndata: 3')).toEqual([
      'data: 1\n\n',
      '',
      'data: 2\n\n',
    ]);
  });

  test.each([
    ['data: 1\n', '\n'],
    ['data: 1\r\n', '\r\n'],
    ['data: 1\r\n\r', '\n'],
    ['data: 1\r', '\n\r\n'],
  ])('finds the end of an event that is split into %j and %j', (first, second) => {
    expect(pushText(first, second)).toEqual(['', first + second]);
  });

  test('passes every event of a stream with CR line ends at once, with LF line ends', () => {
    const events = new WholeEvents();
    const chunks = ['data: 1\r\r: note\r', 'data: 2\r\r', ': usage {"a":1}\rdata: [DONE]\r\r'];

    expect(pushAll(chunks.map(bytes), events)).toEqual([
      'data: 1\n\n: note\n',
      'data: 2\n\n',
      'data: [DONE]\n\n',
    ]);
    expect(events).toMatchObject({ eventCount: 2, isDone: true, usageText: '{"a":1}' });
  });

  test('finds the first event of a stream that begins with a byte order mark', () => {
    expect(pushText('\uFEFFdata: 1\n\n')).toEqual(['data: 1\n\n']);
  });

  test('passes a whole comment line at once, even after the last event of a chunk', () => {
    expect(pushText(': keep-alive\n', 'data: 1\n\n: keep-alive\n')).toEqual([
      ': keep-alive\n',
      'data: 1\n\n: keep-alive\n',
    ]);
  });

  test('keeps the position of a comment inside an incomplete event', () => {
    expect(pushText('data: 1\n: note\n', 'data: 2\n\n')).toEqual([
      '',
      'data: 1\n: note\ndata: 2\n\n',
    ]);
  });

  test.each([
    [': keep-alive\n\n', ': keep-alive\n'],
    [': keep-alive\r\n\r\n', ': keep-alive\r\n'],
    [': a\n: b\n\n\n\n', ': a\n: b\n'],
    ['\n\n', ''],
    ['event: ping\n\n', ''],
    ['retry: 3000\n\n', ''],
    ['id: 7\nevent: ping\ndata:\n\n', ''],
    ['data: \n\n', ''],
    ['data\n\n', ''],
  ])('drops text that decoders read as an event without data: %j becomes %j', (text, passed) => {
    const withEvent = 'data: {"a":1}\n\n';

    expect(pushText(text + withEvent)).toEqual([passed + withEvent]);
    expect(pushText(withEvent + text)).toEqual([withEvent + passed]);
    const single = Array.from(bytes(text + withEvent), (byte) => new Uint8Array([byte]));
    expect(pushAll(single).join('')).toBe(passed + withEvent);
  });

  test.each([
    'data: 1\n\n: usage {"prompt_tokens":1}\ndata: [DONE]\n\n',
    'data: 1\n\n: usage {"prompt_tokens":1}\n\ndata: [DONE]\n\n',
    'data: 1\r\n\r\n: usage {"prompt_tokens":1}\r\n\r\ndata: [DONE]\r\n\r\n',
    'data: 1\n: usage {"prompt_tokens":1}\n\ndata: [DONE]\n\n',
  ])('cuts the usage comment out of %j, however it is chunked', (text) => {
    const end = text.includes('\r') ? '\r\n' : '\n';
    const expected = `data: 1${end}${end}data: [DONE]${end}${end}`;
    for (let at = 0; at <= text.length; at += 1) {
      const events = new WholeEvents();
      const passed = pushAll([bytes(text.slice(0, at)), bytes(text.slice(at))], events);

      expect(passed.join('')).toBe(expected);
      expect(events.usageText).toBe('{"prompt_tokens":1}');
    }
  });

  test('does not mistake text of the model for the usage comment', () => {
    const events = new WholeEvents();
    const text = 'data: {"content":"\\n: usage {}"}\n\n';

    expect(pushAll([bytes(text)], events)).toEqual([text]);
    expect(events.usageText).toBeUndefined();
  });

  test('counts events and reports the last data and whether the stream is done', () => {
    const events = new WholeEvents();
    pushAll(
      [bytes(': a\ndata: 1\n\ndata: 2\r\n\r\n'), bytes(': b\n\nda'), bytes('ta:3\n\n')],
      events,
    );

    expect(events).toMatchObject({ eventCount: 3, lastData: '3', isDone: false });
    pushAll([bytes('data: [DONE]\n\n')], events);
    expect(events).toMatchObject({ eventCount: 3, lastData: '3', isDone: true });
  });

  test('does not mistake text that mentions [DONE] for the end of the stream', () => {
    const events = new WholeEvents();
    pushAll([bytes('data: {"content":"data: [DONE]"}\n\ndata: [DONE] and more\n\n')], events);

    expect(events.isDone).toBe(false);
  });

  test('refuses an incomplete event of more than 1 MiB', () => {
    const events = new WholeEvents();
    events.push(new Uint8Array(1 << 20).fill(0x61));

    expect(() => events.push(bytes('b'))).toThrow('more than 1048576 bytes');
  });

  test('refuses an incomplete event of more than 1 MiB that arrives line by line', () => {
    const events = new WholeEvents();
    const line = bytes(`data: ${'a'.repeat(1 << 16)}\n`);

    expect(() => Array.from({ length: 17 }, () => events.push(line))).toThrow('1048576 bytes');
  });

  test('passes a whole event of more than 1 MiB in one chunk', () => {
    const chunk = bytes(`data: ${'a'.repeat(2 << 20)}\n\n`);

    expect(new WholeEvents().push(chunk)).toBe(chunk);
  });
});

function cut(whole: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % (whole.length + 1)))].sort(
    (a, b) => a - b,
  );
  return [...ends, whole.length].map((end, index) => whole.slice(ends[index - 1] ?? 0, end));
}

/** The events that the strictest decoders read from a text: every blank line ends one. */
const eventsOf = (text: string): readonly string[] =>
  text
    .replaceAll('\r\n', '\n')
    .split(/\n(?:\n)/)
    .slice(0, -1);

describe('for every chunking of a stream,', () => {
  const line = fc.oneof(
    fc
      .string({ unit: 'grapheme', maxLength: 12 })
      .map((text) => `data: ${text.replaceAll(/[\r\n]/g, ' ')}`),
    fc.constantFrom(
      ': keep-alive',
      ': usage {"prompt_tokens":1}',
      'event: x',
      'data: {"a":"\\n\\n"}',
      'data: [DONE]',
      'data:',
    ),
  );
  const stream = fc
    .tuple(
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.array(line, { maxLength: 3 }), { maxLength: 8 }),
      fc.constantFrom('', 'data: unfinished', 'data: cut\n', 'data: cut\r', ': cut'),
    )
    .map(([end, blocks, rest]) => ({
      text: blocks.map((lines) => lines.map((text) => text + end).join('') + end).join('') + rest,
    }));

  test('WholeEvents passes the same bytes, and text can be inserted after each result', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 20 }), ({ text }, places) => {
        const whole = pushText(text).join('');
        const passed = pushAll(cut(bytes(text), places));

        expect(passed.join('')).toBe(whole);
        for (const write of passed) expect(write).toMatch(/^$|\n$/);
        for (const [index, write] of passed.entries()) {
          const before = passed.slice(0, index + 1).join('');
          const last = before.split(/(?<=\n)\r?\n/).at(-1) ?? '';
          // Only comments follow the last blank line, so nothing is inserted into an event.
          if (write !== '') expect(last.replaceAll(/^:.*\r?\n/gm, '')).toBe('');
        }
      }),
      { numRuns: 500 },
    );
  });

  test('WholeEvents passes a blank line only after an event with data, and never a usage comment', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 20 }), ({ text }, places) => {
        const passed = pushAll(cut(bytes(text), places)).join('');

        expect(passed).not.toMatch(/^: usage /m);
        for (const event of eventsOf(passed)) expect(event).toMatch(/^data: ?[^\n]/m);
      }),
      { numRuns: 500 },
    );
  });
});
