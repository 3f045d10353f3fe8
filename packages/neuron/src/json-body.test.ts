import { expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';

import { parseJsonObject } from './json-body.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function refusal(text: string): CortexError | undefined {
  try {
    parseJsonObject(bytes(text));
    return undefined;
  } catch (error) {
    return error instanceof CortexError ? error : undefined;
  }
}

test.each([
  ['{"temperature":1e999}', 'temperature'],
  ['{"temperature":-1E+400}', 'temperature'],
  [`{"max_tokens":${'9'.repeat(400)}}`, 'max_tokens'],
  ['{"options":{"top_p":1e999}}', 'options.top_p'],
])('a number that is read as infinity is refused by its name: %p', (text, param) => {
  expect(refusal(text)).toMatchObject({
    code: 'invalid_request',
    message: `"${param}" is too large a number.`,
    details: { param },
  });
});

test.each([
  '{"a":1e308}',
  '{"a":null,"b":[1]}',
  '{"a":1e-999}',
  '{"a":"1e999"}',
  '{"a":"x9E123456"}',
  '{"a":12345678901234567890}',
])('a number or text that only looks like a large number is read: %s', (text) => {
  expect(parseJsonObject(bytes(text))).toEqual(JSON.parse(text));
});
