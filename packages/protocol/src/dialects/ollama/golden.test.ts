/**
 * Recorded answers of nodes and what clients get for them. A new folder in `__fixtures__` with a `node.sse` (or a
 * `node.json` for an answer that is not streamed) is a new case; `REWRITE_GOLDEN=1` writes what is expected.
 *
 * - `lines.ndjson`: what is sent.
 * - `message.json`: what a client has put together at the end.
 * - `case.json`: the route of the client, if not that of a chat.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';

import { CortexError } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { parseUsage } from '../../sse/comments.ts';
import { WholeEvents } from '../../sse/whole-events.ts';
import type { OllamaAnswerOptions } from './node-answer.ts';
import { ollamaStream } from './stream.ts';
import { toOllamaAnswer } from './whole-answer.ts';

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const FIXTURES = join(import.meta.dir, '__fixtures__');
const FACTS = { requestId: 'req_1', model: 'qwen3:latest', createdS: 1_764_510_000 };

interface Case {
  readonly name: string;
  readonly stream: Uint8Array | undefined;
  readonly options: Pick<OllamaAnswerOptions, 'form'>;
}

const readText = (name: string, file: string): string =>
  readFileSync(join(FIXTURES, name, file), 'utf8');

function readCase(name: string): Case {
  const path = join(FIXTURES, name, 'case.json');
  const options: Case['options'] = existsSync(path)
    ? JSON.parse(readFileSync(path, 'utf8'))
    : { form: 'chat' };
  const isStream = existsSync(join(FIXTURES, name, 'node.sse'));
  return {
    name,
    stream: isStream ? readFileSync(join(FIXTURES, name, 'node.sse')) : undefined,
    options,
  };
}

const CASES = readdirSync(FIXTURES).toSorted().map(readCase);
const STREAMS = CASES.flatMap(({ stream, ...rest }) => (stream ? [{ ...rest, stream }] : []));

function answerOptions(options: Case['options'], usageText: () => string | undefined) {
  let made = 0;
  return {
    ...options,
    newCallId: () => `call_made_${(made += 1)}`,
    timings: () => ({ usage: parseUsage(usageText() ?? ''), totalMs: 300, loadMs: 25.5 }),
  };
}

/** The lines for a stream whose bytes arrive in these chunks. */
function linesFor(chunks: readonly Uint8Array[], options: Case['options']): string {
  const events = new WholeEvents();
  const stream = ollamaStream(
    FACTS,
    answerOptions(options, () => events.usageText),
  );
  const told = chunks.map((chunk) => {
    const whole = events.push(chunk);
    return whole === undefined ? '' : stream.push(whole);
  });
  return stream.opening() + told.join('') + stream.end();
}

/** What a client has at the end of a stream. */
function messageOf(lines: string): JsonObject {
  const merged: { text: string; thinking: string; calls: unknown[]; last: JsonObject } = {
    text: '',
    thinking: '',
    calls: [],
    last: {},
  };
  for (const line of lines.trimEnd().split('\n')) {
    const part: unknown = JSON.parse(line);
    if (!isJsonObject(part)) throw new Error(`not an object: ${line}`);
    const { message, ...rest } = part;
    const {
      content,
      response,
      thinking,
      tool_calls: calls,
      ...end
    } = { ...rest, ...(isJsonObject(message) && message) };
    merged.text += textOf(content ?? response);
    merged.thinking += textOf(thinking);
    if (Array.isArray(calls)) merged.calls.push(...calls);
    merged.last = end;
  }
  return merged;
}

function expectFile(name: string, file: string, actual: string): void {
  if (process.env['REWRITE_GOLDEN'] === '1') writeFileSync(join(FIXTURES, name, file), actual);
  expect(actual).toBe(readText(name, file));
}

const format = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

describe('A recorded stream becomes the lines and the message of its case:', () => {
  test.each(STREAMS.map((one) => [one.name, one] as const))('%s', (name, { stream, options }) => {
    const lines = linesFor([stream], options);

    expectFile(name, 'lines.ndjson', lines);
    expectFile(name, 'message.json', format(messageOf(lines)));
  });
});

describe('A recorded whole answer becomes that of its case:', () => {
  const whole = CASES.filter(({ stream }) => stream === undefined);

  test.each(whole.map((one) => [one.name, one] as const))('%s', (name, { options }) => {
    const answer: unknown = JSON.parse(readText(name, 'node.json'));

    expectFile(
      name,
      'message.json',
      format(
        toOllamaAnswer(
          answer,
          FACTS,
          answerOptions(options, () => undefined),
        ),
      ),
    );
  });
});

test.each([
  [{ error: { message: 'out of memory' } }, 'out of memory'],
  [{ choices: [] }, "The node's answer has no finished choice."],
  [{}, "The node's answer has no finished choice."],
])('A whole answer is refused: %j', (answer, message) => {
  const options = answerOptions({ form: 'chat' }, () => undefined);

  expect(() => toOllamaAnswer(answer, FACTS, options)).toThrow(message);
});

test('Nothing follows the last line of a stream', () => {
  const stream = ollamaStream(
    FACTS,
    answerOptions({ form: 'chat' }, () => undefined),
  );
  const error = new CortexError('node_timeout', 'Node a sent nothing for 300 s.');

  expect(JSON.parse(stream.fail(error))).toMatchObject({ error: error.message, status: 504 });
  expect(stream.push(new TextEncoder().encode('data: {"error":"late"}\n\n'))).toBe('');
  expect(stream.end() + stream.fail(error)).toBe('');
});

test('A refusal of a node that comes late keeps what the node said', () => {
  const stream = ollamaStream(
    FACTS,
    answerOptions({ form: 'chat' }, () => undefined),
  );
  const nodeError = {
    message: 'Full.',
    code: 'queue_full',
    loading: { state: 'loading' },
    status: 503,
  };
  const line = stream.fail(new CortexError('queue_full', 'Full.'), nodeError);

  expect(JSON.parse(line)).toEqual({
    error: 'Full.',
    code: 'queue_full',
    loading: { state: 'loading' },
    status: 503,
  });
});

test('An event that is not JSON is an error of the node, behind what it said before', () => {
  const stream = ollamaStream(
    FACTS,
    answerOptions({ form: 'chat' }, () => undefined),
  );

  const said = '{"choices":[{"delta":{"content":"a"}}]}';
  const lines = stream.push(new TextEncoder().encode(`data: ${said}\n\ndata: <html>\n\n`));

  expect(
    lines
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line)),
  ).toMatchObject([{ message: { content: 'a' } }, { code: 'node_protocol_error', status: 502 }]);
  expect(stream.failure?.code).toBe('node_protocol_error');
  expect(stream.keepAlive()).toBe('');
});

describe('Every chunking of a stream gives the same message', () => {
  test.each(STREAMS.map((one) => [one.name, one] as const))(
    'byte by byte: %s',
    (_, { stream, options }) => {
      const bytes = Array.from(stream, (byte) => new Uint8Array([byte]));

      expect(messageOf(linesFor(bytes, options))).toEqual(messageOf(linesFor([stream], options)));
    },
  );

  test('at any places', () => {
    const cut = fc.constantFrom(...STREAMS).chain((one) =>
      fc.record({
        one: fc.constant(one),
        places: fc.array(fc.nat({ max: one.stream.length }), { maxLength: 12 }),
      }),
    );
    fc.assert(
      fc.property(cut, ({ one: { stream, options }, places }) => {
        const ends = [...places.toSorted((a, b) => a - b), stream.length];
        const chunks = ends.map((end, at) => stream.subarray(ends[at - 1] ?? 0, end));

        expect(messageOf(linesFor(chunks, options))).toEqual(
          messageOf(linesFor([stream], options)),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('also where events are cut, without anything that puts them together', () => {
    const [one] = STREAMS.filter(({ name }) => name === 'text-of-many-bytes-a-character');
    if (one === undefined) throw new Error('the case is gone');
    const stream = ollamaStream(
      FACTS,
      answerOptions(one.options, () => undefined),
    );
    const lines =
      Array.from(one.stream, (byte) => stream.push(new Uint8Array([byte]))).join('') + stream.end();

    expect(messageOf(lines)['text']).toBe('naïve 日本語 👩‍🚀');
  });
});
