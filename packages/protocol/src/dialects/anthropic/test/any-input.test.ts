import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { CortexError } from '../../../errors.ts';
import { isJsonObject, type JsonObject } from '../../../json/json-object.ts';
import { toChatBody } from '../../neutral/to-chat-body.ts';
import { readMessagesRequest } from '../read-request.ts';
import { clientMessage, eventsOf } from './client-message.ts';
import { answerCases, requestCases } from './golden-cases.ts';
import { translate } from './translate.ts';

type Path = readonly (string | number)[];

/** All places in a value. */
function pathsIn(value: unknown, at: Path = []): readonly Path[] {
  if (Array.isArray(value))
    return [at, ...value.flatMap((entry, index) => pathsIn(entry, [...at, index]))];
  if (!isJsonObject(value)) return [at];
  return [at, ...Object.entries(value).flatMap(([key, entry]) => pathsIn(entry, [...at, key]))];
}

/** A copy with another value at one place; undefined removes it. */
function withValue(value: unknown, [key, ...rest]: Path, replacement: unknown): unknown {
  if (key === undefined) return replacement;
  if (Array.isArray(value))
    return value.map((entry, index) =>
      index === key ? withValue(entry, rest, replacement) : entry,
    );
  if (!isJsonObject(value)) return value;
  return { ...value, [key]: withValue(value[key], rest, replacement) };
}

/** One of `values` with up to three of its places changed. */
const changed = (values: readonly JsonObject[]): fc.Arbitrary<unknown> =>
  fc
    .tuple(
      fc.constantFrom(...values),
      fc.array(fc.tuple(fc.nat(), fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined })), {
        maxLength: 3,
      }),
    )
    .map(([value, changes]) =>
      changes.reduce<unknown>((now, [place, replacement]) => {
        const paths = pathsIn(now);
        return withValue(now, paths[place % paths.length] ?? [], replacement);
      }, value),
    );

describe('Any request', () => {
  const anyBody = fc.oneof(
    { weight: 9, arbitrary: changed(requestCases.map((one) => one.case.request)) },
    { weight: 1, arbitrary: fc.jsonValue() },
  );

  test('is read, or refused with the name of what is wrong', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        try {
          const { chat, stream } = readMessagesRequest(body);
          expect(JSON.stringify(toChatBody(chat, { model: 'm', stream }))).toStartWith('{');
        } catch (error) {
          if (!(error instanceof CortexError)) throw error;
          expect(error.code).toBe('invalid_request');
          const isWhole = !isJsonObject(body);
          expect(error.details.param === undefined).toBe(isWhole);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('Any answer of a node', () => {
  const recorded = answerCases.flatMap((one) => one.case.chunks ?? []);
  const anyChunk = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<unknown>(...recorded) },
    { weight: 3, arbitrary: changed(recorded) },
    { weight: 1, arbitrary: fc.jsonValue() },
  );

  test('keeps the order of events, with one block open at a time and an end', () => {
    fc.assert(
      fc.property(fc.array(anyChunk, { maxLength: 12 }), (chunks) => {
        const stream = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');

        const { message } = clientMessage(
          eventsOf(translate({ title: 'any' }, [new TextEncoder().encode(stream)])),
        );

        expect(message).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});
