import { createLogger } from '@cortex/service';
import { describe, expect, test } from 'bun:test';

import type { SourceReading } from './device-source.ts';
import { DeviceTable } from './device-table.ts';
import { SourcePoll } from './source-poll.ts';

const log = createLogger({ name: 'test', level: 'fatal' });

const CARD: SourceReading = {
  devices: [{ index: 0, name: 'Card', kind: 'cuda', totalMib: 8000, freeMib: 8000, env: {} }],
};
const FAILED: SourceReading = { devices: [], unavailableReason: 'broken', isFailure: true };

/** A source that gives what a test tells it to, and its poll. */
function createPoll(read: () => Promise<SourceReading>) {
  const state = { nowMs: 0, reads: 0 };
  const poll = new SourcePoll({
    source: {
      name: 'test',
      read: () => {
        state.reads += 1;
        return read();
      },
    },
    table: new DeviceTable(),
    log,
    nowMs: () => state.nowMs,
  });
  return { poll, state };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('SourcePoll', () => {
  test('keeps the last good reading for two failures in a row and drops it at the third', async () => {
    let reading = CARD;
    const { poll } = createPoll(async () => reading);
    await poll.read();
    reading = FAILED;

    await poll.read();
    await poll.read();
    expect([poll.devices.length, poll.isFailing]).toEqual([1, true]);
    await poll.read();

    expect([poll.devices.length, poll.reading.unavailableReason]).toEqual([0, 'broken']);
  });

  test('waits longer after each failure, at most five minutes', async () => {
    const { poll, state } = createPoll(async () => FAILED);
    for (; state.nowMs < 3_600_000; state.nowMs += 5000) {
      poll.pollIfDue();
      await settled();
    }

    // 5, 10, … 160 s, and then every five minutes of the hour.
    expect(state.reads).toBeGreaterThan(12);
    expect(state.reads).toBeLessThan(22);
  });

  test('is not failing any more after one good reading', async () => {
    let reading = FAILED;
    const { poll } = createPoll(async () => reading);
    await poll.read();
    reading = CARD;

    await poll.read();

    expect([poll.isFailing, poll.devices.length]).toEqual([false, 1]);
  });

  test('counts as failing while a read hangs, and starts no second one', async () => {
    const { poll, state } = createPoll(() => new Promise(() => undefined));
    poll.pollIfDue();

    state.nowMs = 20_000;
    poll.pollIfDue();

    expect([poll.isFailing, state.reads]).toEqual([true, 1]);
  });

  test('survives a source that throws', async () => {
    const { poll } = createPoll(() => Promise.reject(new Error('no such tool')));

    await poll.read();

    expect([poll.isFailing, poll.devices]).toEqual([true, []]);
  });
});

test('a device keeps its index when another source has taken the one that it prefers', () => {
  const table = new DeviceTable();
  const other = CARD.devices.map((device) => ({ ...device, kind: 'vulkan' as const }));

  const indexes = [CARD.devices, other, other, CARD.devices].map(
    (devices) => table.add(devices, 0)[0]?.index,
  );

  expect(indexes).toEqual([0, 1, 1, 0]);
});
