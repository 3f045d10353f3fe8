import { CortexError } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { toLoadSettings } from '../harness/load-settings.ts';
import { type LoadFailure, nextFailure, rememberedError } from './load-failure.ts';

const error = new CortexError('model_load_failed', 'out of memory', { transient: true });
const causesWith = (contextLength: number) => ({
  settings: toLoadSettings({ model_id: 'm', context_length: contextLength }),
  files: '',
  releases: 0,
});

test('the back-off of a load doubles with each failure, from 10 s to 5 min', () => {
  const pausesMs: number[] = [];
  let failure: LoadFailure | undefined;
  for (let count = 1; count <= 7; count += 1) {
    failure = nextFailure(failure, { error, causes: causesWith(512) }, 1000);
    pausesMs.push(failure.retryAtMs - 1000);
  }

  expect(pausesMs).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
});

test('the back-off of a load begins again with 10 s for other settings', () => {
  const before = nextFailure(undefined, { error, causes: causesWith(512) }, 0);

  const failure = nextFailure(before, { error, causes: causesWith(256) }, 1000);

  expect(failure.retryAtMs).toBe(11_000);
});

test('a remembered failure has the reason of the load, and the rest of its back-off', () => {
  const failure = nextFailure(undefined, { error, causes: causesWith(512) }, 0);

  const remembered = rememberedError(failure, 3000);

  expect(remembered).toMatchObject({ code: error.code, message: error.message, retryAfterS: 7 });
});
