/** A real fleet whose nodes are killed, frozen and cut off at random. `npm run faults` is the same with figures. */
import { expect, test } from 'bun:test';

import { runFaults } from '../../bench/faults/run.ts';
import { SCALE } from './start-up.ts';

const REQUESTS = Math.max(200, Math.round(10_000 * SCALE));
const SEED = Number(process.env['SEED'] ?? 1);

test(
  `${REQUESTS} requests to real nodes under random faults (SEED=${SEED}) each end with an answer or a clear error, and leave nothing`,
  async () => {
    const figures = await runFaults({
      requests: REQUESTS,
      seed: SEED,
      onProgress: () => undefined,
    });

    expect(figures.violations).toEqual([]);
    expect(figures.answered).toBeGreaterThan(figures.requests / 2);
  },
  { timeout: 180_000 + REQUESTS * 100 },
);
