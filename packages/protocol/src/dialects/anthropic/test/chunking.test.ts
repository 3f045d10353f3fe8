import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { clientMessage, eventsOf } from './client-message.ts';
import { type AnswerCase, answerCases, streamOf } from './golden-cases.ts';
import { translate, translateRaw } from './translate.ts';

const encoder = new TextEncoder();

/** Other spellings of one stream (WHATWG HTML, 9.2.6). */
const SPELLINGS: readonly (readonly [string, (stream: string) => string])[] = [
  ['line feeds', (stream) => stream],
  ['CRLF', (stream) => stream.replaceAll('\n', '\r\n')],
  ['CR', (stream) => stream.replaceAll('\n', '\r')],
  ['no space behind the colon', (stream) => stream.replaceAll('data: ', 'data:')],
  [
    'comments and other fields',
    (stream) =>
      `: hello\n\n${stream.replaceAll('data: ', ': keep-alive\nid: 7\nevent: message\nretry: 1\ndata: ')}`,
  ],
  ['data of several lines', (stream) => stream.replaceAll('"choices":', '\ndata: "choices":')],
];

function* cut(bytes: Uint8Array, cuts: readonly number[]): Generator<Uint8Array> {
  const ends = [...new Set(cuts.map((at) => at % bytes.length))].toSorted((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    if (end > from) yield bytes.slice(from, end);
    from = end;
  }
}

const singly = function* (bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1) yield bytes.slice(at, at + 1);
};

const streams = answerCases.flatMap(({ name, case: one }) =>
  one.chunks === undefined ? [] : [[name, one] as const],
);

/** What the client has at the end is what the case says. */
const expectMessage = (one: AnswerCase, text: string): void => {
  const { message, error } = clientMessage(eventsOf(text));
  expect({ message, error }).toEqual({ message: one.message, error: one.error });
};

describe.each(SPELLINGS)('A stream with %s gives the same message', (_, spell) => {
  test.each(streams)('byte by byte: %s', (_name, one) => {
    const bytes = encoder.encode(spell(streamOf(one)));

    expectMessage(one, translate(one, singly(bytes)));
    expectMessage(one, translateRaw(one, singly(bytes)));
  });

  test.each(streams)('however it is cut: %s', (_name, one) => {
    const bytes = encoder.encode(spell(streamOf(one)));
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
        expectMessage(one, translate(one, cut(bytes, cuts)));
        expectMessage(one, translateRaw(one, cut(bytes, cuts)));
      }),
      { numRuns: 10 },
    );
  });
});
