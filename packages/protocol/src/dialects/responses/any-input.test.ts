/** What clients and nodes send can be wrong in any place. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { CortexError } from '../../errors.ts';
import { readResponsesRequest } from './responses.ts';
import { FACTS, streamText } from './test/answer.ts';
import { checkEvents, parseEvents } from './test/event-rules.ts';

const ROOT = fileURLToPath(new URL('__fixtures__/', import.meta.url));
const read = (name: string, file: string): string => readFileSync(`${ROOT}${name}/${file}`, 'utf8');
const NAMES = readdirSync(ROOT);
const STREAMED = NAMES.filter((name) => existsSync(`${ROOT}${name}/answer.sse`));

const encoder = new TextEncoder();
const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>('', null, [], {}, 'constructor', '__proto__', [{}], [null], { type: 1 }),
);

/** `json` with one of its values replaced, counted from its end. */
function withValue(json: string, at: number, value: unknown): string {
  let count = 0;
  JSON.parse(json, (_, member: unknown) => {
    count += 1;
    return member;
  });
  let seen = 0;
  return JSON.stringify(
    JSON.parse(json, (_, member: unknown) => {
      seen += 1;
      return seen === count - (at % count) ? value : member;
    }),
  );
}

test('a request with a wrong value is read, or refused with an error for the client', () => {
  const wrong = fc.tuple(fc.constantFrom(...NAMES), fc.nat(200), anyValue);
  fc.assert(
    fc.property(wrong, ([name, at, value]) => {
      const body = encoder.encode(withValue(read(name, 'request.json'), at, value));
      let node: unknown;
      try {
        node = JSON.parse(new TextDecoder().decode(readResponsesRequest(body).named('m')));
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(CortexError);
        return;
      }
      expect(node).toMatchObject({ model: 'm' });
    }),
    { numRuns: 500 },
  );
});

test('a stream of a node with a wrong value still obeys all rules', () => {
  const wrong = fc.tuple(fc.constantFrom(...STREAMED), fc.nat(50), fc.nat(50), anyValue);
  fc.assert(
    fc.property(wrong, ([name, line, at, value]) => {
      const lines = read(name, 'answer.sse')
        .split(/\r?\n/)
        .filter((text) => text.startsWith('data: {'));
      const changed = lines.map((text, index) =>
        index === line % lines.length ? `data: ${withValue(text.slice(6), at, value)}` : text,
      );
      const request = readResponsesRequest(encoder.encode(read(name, 'request.json')));

      const text = streamText(request, [encoder.encode(`${changed.join('\n\n')}\n\n`)]);

      expect(checkEvents(parseEvents(text))).toMatchObject({
        id: `resp_${FACTS.requestId.slice(4)}`,
      });
    }),
    { numRuns: 500 },
  );
});
