import { CortexError } from '@cortex/protocol';
import { createLogger } from '@cortex/service';
import { expect, test } from 'bun:test';

import { parseSource } from '../source.ts';
import { Downloads } from './downloads.ts';
import type { PullRequest } from './pull.ts';
import { Pulls } from './pulls.ts';

const HOUR_MS = 3_600_000;

function requestOf(modelId: string): PullRequest {
  const source = parseSource(`hf:org/${modelId}`);
  if (source.kind !== 'hub') throw new Error('not of the hub');
  return { modelId, source, wantsProjector: false, wantsDraft: false };
}

/** Pulls on a clock of their own, that all fail unless they are called `endless`. */
function failingPulls() {
  const clock = { nowMs: 0 };
  const log = createLogger({ name: 'test', level: 'fatal' });
  const pause = (): Promise<void> => Promise.resolve();
  const pulls = new Pulls({
    plan: ({ modelId }) =>
      modelId === 'endless'
        ? new Promise(() => undefined)
        : Promise.reject(new CortexError('model_load_failed', 'no such repository')),
    downloads: new Downloads({ freeBytes: async () => 0, minFreeBytes: 0, pause, log }),
    onPulled: () => Promise.resolve(),
    pause,
    nowMs: () => clock.nowMs,
    log,
  });
  return { pulls, clock };
}

test('a failed pull is kept with its reason for an hour, and a running one until it ends', async () => {
  const { pulls, clock } = failingPulls();
  await pulls.start(requestOf('m')).ended;
  pulls.start(requestOf('endless'));
  const changed: string[] = [];
  pulls.onChange((id) => changed.push(id));

  clock.nowMs = HOUR_MS - 1;
  pulls.sweep();
  const before = pulls.get('m')?.report();
  clock.nowMs = HOUR_MS;
  pulls.sweep();

  expect(before).toMatchObject({ status: 'failed', error: 'no such repository' });
  expect(pulls.all.map(({ request }) => request.modelId)).toEqual(['endless']);
  expect(changed).toEqual(['m']);
});

test('the ended pulls that are kept are the last hundred', async () => {
  const { pulls } = failingPulls();

  for (let count = 0; count < 105; count += 1) await pulls.start(requestOf(`m${count}`)).ended;

  expect(pulls.all).toHaveLength(100);
  expect(pulls.get('m4')).toBeUndefined();
});
