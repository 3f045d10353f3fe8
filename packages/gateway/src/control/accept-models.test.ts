import { ModelEntry } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { acceptModels } from './accept-models.ts';

const entry = (id: string): ModelEntry =>
  ModelEntry.parse({ id, harness: 'llama', status: 'loaded' });

test('a node that lists names nobody can ask for, or 10,000 models and more, fills no memory with them', () => {
  const short = Array.from({ length: 10_001 }, (_, index) => entry(`m${index}`));

  expect(acceptModels([entry('x'.repeat(513)), entry(''), entry('y'.repeat(512))])).toHaveLength(1);
  expect(acceptModels(short)).toHaveLength(10_000);
});
