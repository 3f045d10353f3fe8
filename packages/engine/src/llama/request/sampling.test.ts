import { readShape } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { SamplingBody } from './chat-body.ts';
import { readSampling, withDefaults } from './sampling.ts';

test.each([
  [1e-45, 0],
  [1e-38, 0],
  [9.9e-7, 0],
  [1e-6, 1e-6],
  [0.7, 0.7],
  [0, 0],
])('a temperature of %p becomes %p in the sampler', (asked, expected) => {
  const { config } = readSampling(readShape(SamplingBody, { temperature: asked }));

  expect(config.temperature).toBe(expected);
});

test('a member named __proto__ is neither lost nor taken for the fields of the body', () => {
  const body = JSON.parse('{"__proto__":{"temperature":2},"top_k":1}');

  const merged = withDefaults(body, [{ temperature: 0.5, top_k: 9 }]);

  expect(JSON.stringify(merged)).toBe(
    '{"temperature":0.5,"top_k":1,"__proto__":{"temperature":2}}',
  );
  expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
});
