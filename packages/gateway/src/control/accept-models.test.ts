import { ModelEntry } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { acceptModels } from './accept-models.ts';

const entry = (id: string): ModelEntry =>
  ModelEntry.parse({ id, harness: 'llama', status: 'loaded' });

test('of the models that a node lists, at most 10,000 with valid names are kept', () => {
  const short = Array.from({ length: 10_001 }, (_, index) => entry(`m${index}`));

  expect(acceptModels([entry('x'.repeat(513)), entry(''), entry('y'.repeat(512))])).toHaveLength(1);
  expect(acceptModels(short)).toHaveLength(10_000);
});
