import { expect, test } from 'bun:test';

import { formatStats } from '../protocol/index.ts';
import { EngineClient } from './engine-client.ts';

const IDLE = {
  queueDepth: 0,
  slots: 1,
  busySlots: 1,
  runnableSlots: 1,
  longestStepMs: 3,
  batchSizes: {},
  kvCellsUsed: 0,
  kvCellsTotal: 0,
  rssMib: 1,
};

const createClient = (): EngineClient =>
  new EngineClient(
    { kind: 'hello', protocol: 1, name: 'engine', version: '1', features: [] },
    { send: () => undefined, note: () => undefined, abandon: () => undefined },
  );

test('the client learns from stats of steps without items, such as a long prefill', () => {
  const client = createClient();
  expect(client.lastStepAtMs).toBeUndefined();

  client.receive({ kind: 'stats', ...formatStats({ ...IDLE, lastStepAgeMs: 5 }) });

  const seenMs = performance.now() - (client.lastStepAtMs ?? 0);
  expect(seenMs).toBeGreaterThanOrEqual(5);
  expect(client.lastStats?.atMs).toBe((client.lastStepAtMs ?? 0) + 5);
});

test('older stats do not move the time of the last step back', () => {
  const client = createClient();
  client.receive({ kind: 'step', ms: 1, items: [] });
  const seenAtMs = client.lastStepAtMs;

  client.receive({ kind: 'stats', ...formatStats({ ...IDLE, lastStepAgeMs: 60_000 }) });

  expect(seenAtMs).toBeNumber();
  expect(client.lastStepAtMs).toBe(seenAtMs ?? 0);
});
