import { describe, expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';

import { LoadFailureTable } from './load-failure-table.ts';

const at = (nowMs: number) => ({ node: 'a', model: 'm', nowMs });
const memory = new CortexError('insufficient_vram', '2000 MiB missing');
const SECOND = 1000;

describe('LoadFailureTable', () => {
  test('gives a back-off of 10 s after the first failed load, doubled each time up to 5 min', () => {
    const table = new LoadFailureTable();
    let nowMs = SECOND;
    const waits = Array.from({ length: 7 }, () => {
      const { retryAtMs } = table.record(at(nowMs), memory);
      const waitMs = retryAtMs - nowMs;
      nowMs = retryAtMs;
      return waitMs;
    });
    expect(waits).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  });

  test('keeps the remaining back-off when the node repeats its reason within it', () => {
    const table = new LoadFailureTable();
    table.record(at(0), memory);
    const again = new CortexError('insufficient_vram', '1999 MiB missing');
    expect(table.record(at(4 * SECOND), again).retryAtMs).toBe(10 * SECOND);
  });

  test('uses the Retry-After of the node if it is longer than the back-off', () => {
    const error = new CortexError('insufficient_vram', 'x', { retryAfterS: 45 });
    expect(new LoadFailureTable().record(at(0), error).retryAtMs).toBe(45_000);
  });

  test('applies a failure to requests that arrived before it, but not to later ones', () => {
    const table = new LoadFailureTable();
    table.record(at(5 * SECOND), memory);

    const nowMs = 5 * SECOND + 1;
    expect(table.seenBy(4 * SECOND, nowMs).failure('a', 'm')?.reason).toBe('2000 MiB missing');
    expect(table.seenBy(nowMs, nowMs).failure('a', 'm')).toBeUndefined();
  });

  test('pauses loads for up to a second when a node keeps giving the same reason', () => {
    const table = new LoadFailureTable();
    let nowMs = 0;
    const pauses = Array.from({ length: 18 }, () => {
      table.record(at(nowMs), memory);
      const fromMs = nowMs;
      nowMs += 1;
      while (table.seenBy(nowMs, nowMs).failure('a', 'm')) nowMs += 1;
      return nowMs - fromMs;
    });
    expect(pauses.slice(8)).toEqual([1, 1, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    expect(table.seenBy(nowMs + 5000, nowMs + 5000).failure('a', 'm')).toBeUndefined();
  });

  test('pauses loads for a second when a node could not be reached', () => {
    const table = new LoadFailureTable();
    const error = new CortexError('node_unreachable', 'gone');
    expect(table.record(at(0), error).retryAtMs).toBe(1_000);
    expect(table.seenBy(999, 999).failure('a', 'm')).toBeDefined();
    expect(table.seenBy(1000, 1000).failure('a', 'm')).toBeUndefined();
  });

  test('distinguishes transient causes from permanent ones', () => {
    const table = new LoadFailureTable();
    const kinds = [
      memory,
      new CortexError('model_load_failed', 'engine died', { transient: true }),
      new CortexError('model_load_failed', 'broken file'),
      new CortexError('model_not_found', 'no such file'),
    ].map((error) => table.record(at(0), error).isTransient);
    expect(kinds).toEqual([true, true, false, false]);
  });

  test('resets the back-off after a successful load, only for that node and model', () => {
    const table = new LoadFailureTable();
    table.record(at(0), memory);
    table.record({ node: 'b', model: 'm', nowMs: 0 }, memory);
    table.clear('a', 'm');
    expect(table.seenBy(0, 0).failure('a', 'm')).toBeUndefined();
    expect(table.seenBy(0, 0).failure('b', 'm')).toBeDefined();
    expect(table.record(at(0), memory).retryAtMs).toBe(10_000);
  });

  test('keeps at most 1,000 models per node, and 2,000 characters of each reason', () => {
    const table = new LoadFailureTable();
    const long = new CortexError('model_load_failed', 'x'.repeat(1 << 20));
    for (let index = 0; index <= 1000; index += 1)
      table.record({ node: 'a', model: `m${index}`, nowMs: 0 }, long);

    const failures = table.seenBy(0, 0);
    expect(failures.failure('a', 'm0')).toBeUndefined();
    expect(failures.failure('a', 'm1000')?.reason).toHaveLength(2000);
  });
});
