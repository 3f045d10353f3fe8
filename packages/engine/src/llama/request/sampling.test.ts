import { readShape } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { SamplingBody } from './chat-body.ts';
import { readSampling } from './sampling.ts';

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
