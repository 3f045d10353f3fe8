/**
 * Recorded cases, one per folder of `__fixtures__`: a request, the answer of a node (`answer.sse` or `answer.json`), and
 * what they become. `UPDATE_GOLDEN=1` writes the expected files anew.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { CortexError } from '../../errors.ts';
import { readResponsesRequest, type ResponsesRequest } from './responses.ts';
import { FACTS, streamText } from './test/answer.ts';
import { checkEvents, parseEvents } from './test/event-rules.ts';

const ROOT = fileURLToPath(new URL('__fixtures__', import.meta.url));
const IS_UPDATE = process.env['UPDATE_GOLDEN'] === '1';

/** Compares text with a file of the case, or writes it. */
function expectFile(path: string, text: string): void {
  if (IS_UPDATE) writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

interface Case {
  readonly name: string;
  readonly file: (name: string) => string;
  readonly request: ResponsesRequest;
  readonly answer: Uint8Array;
  readonly isStream: boolean;
}

const CASES: readonly Case[] = readdirSync(ROOT).map((name) => {
  const file = (path: string): string => join(ROOT, name, path);
  const isStream = existsSync(file('answer.sse'));
  return {
    name,
    file,
    request: readResponsesRequest(readFileSync(file('request.json'))),
    answer: readFileSync(file(isStream ? 'answer.sse' : 'answer.json')),
    isStream,
  };
});
const STREAMED = CASES.filter(({ isStream }) => isStream);

describe('A recorded request', () => {
  test.each(CASES)('becomes the body of a node: $name', ({ request, file }) => {
    const body: unknown = JSON.parse(new TextDecoder().decode(request.named('node-model')));
    expectFile(file('node.json'), pretty({ body, dropped: request.droppedTools }));
  });
});

describe('A recorded stream', () => {
  test.each(STREAMED)('becomes events and a response: $name', ({ request, answer, file }) => {
    const events = parseEvents(streamText(request, [answer]));

    const response = checkEvents(events);
    const lines = events.map((event) =>
      JSON.stringify('response' in event ? { ...event, response: '…' } : event),
    );
    expectFile(file('events.jsonl'), `${lines.join('\n')}\n`);
    expectFile(file('response.json'), pretty(response));
  });

  test.each(STREAMED)('is the same in single bytes: $name', ({ request, answer }) => {
    const bytes = Array.from(answer, (byte) => Uint8Array.of(byte));

    expect(streamText(request, bytes)).toBe(streamText(request, [answer]));
  });

  test('is the same in all other chunks', () => {
    const chunked = fc
      .constantFrom(...STREAMED)
      .chain((entry) =>
        fc.tuple(
          fc.constant(entry),
          fc.uniqueArray(fc.integer({ min: 1, max: entry.answer.length - 1 }), { maxLength: 12 }),
        ),
      );
    fc.assert(
      fc.property(chunked, ([{ request, answer }, cuts]) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), answer.length];
        const chunks = at.slice(1).map((end, index) => answer.subarray(at[index], end));

        expect(streamText(request, chunks)).toBe(streamText(request, [answer]));
      }),
    );
  });
});

/** What a thrown error tells the client. */
function errorOf(run: () => string): unknown {
  try {
    return JSON.parse(run());
  } catch (thrown) {
    if (!(thrown instanceof CortexError)) throw thrown;
    return { thrown: thrown.code, message: thrown.message };
  }
}

describe('A recorded whole answer', () => {
  const whole = CASES.filter(({ isStream }) => !isStream);

  test.each(whole)('becomes a response: $name', ({ request, answer, file }) => {
    expectFile(file('response.json'), pretty(errorOf(() => request.whole(answer, FACTS))));
  });
});
