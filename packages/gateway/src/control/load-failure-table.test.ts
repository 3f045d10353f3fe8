import { describe, expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';

import { LoadFailureTable } from './load-failure-table.ts';

const at = (nowMs: number) => ({ node: 'a', model: 'm', nowMs });
const memory = new CortexError('insufficient_vram', '2000 MiB missing');
const SECOND = 1000;

describe('LoadFailureTable', () => {
  test('tells callers to wait 10 s after a failed load, twice as long each time, 5 min at most', () => {
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

  test('tells callers what is left of the wait when the node repeats its reason meanwhile', () => {
    const table = new LoadFailureTable();
    table.record(at(0), memory);
    const again = new CortexError('insufficient_vram', '1999 MiB missing');
    expect(table.record(at(4 * SECOND), again).retryAtMs).toBe(10 * SECOND);
  });

  test('tells callers to wait as long as the node asks for where that is longer', () => {
    const error = new CortexError('insufficient_vram', 'x', { retryAfterS: 45 });
    expect(new LoadFailureTable().record(at(0), error).retryAtMs).toBe(45_000);
  });

  test('a failure counts for every request that was there when it happened, not for a later one', () => {
    const table = new LoadFailureTable();
    table.record(at(5 * SECOND), memory);

    const nowMs = 5 * SECOND + 1;
    expect(table.seenBy(4 * SECOND, nowMs).failure('a', 'm')?.reason).toBe('2000 MiB missing');
    expect(table.seenBy(nowMs, nowMs).failure('a', 'm')).toBeUndefined();
  });

  test('a node that is asked again and again with the same outcome is left alone for longer and longer, a second at most', () => {
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

  test('a node that could not be reached is left alone for a second', () => {
    const table = new LoadFailureTable();
    const error = new CortexError('node_unreachable', 'gone');
    expect(table.record(at(0), error).retryAtMs).toBe(1_000);
    expect(table.seenBy(999, 999).failure('a', 'm')).toBeDefined();
    expect(table.seenBy(1000, 1000).failure('a', 'm')).toBeUndefined();
  });

  test('tells causes that may pass from those that will not', () => {
    const table = new LoadFailureTable();
    const kinds = [
      memory,
      new CortexError('model_load_failed', 'engine died', { transient: true }),
      new CortexError('model_load_failed', 'broken file'),
      new CortexError('model_not_found', 'no such file'),
    ].map((error) => table.record(at(0), error).isTransient);
    expect(kinds).toEqual([true, true, false, false]);
  });

  test('a load that went well starts from the beginning, for that node and model only', () => {
    const table = new LoadFailureTable();
    table.record(at(0), memory);
    table.record({ node: 'b', model: 'm', nowMs: 0 }, memory);
    table.clear('a', 'm');
    expect(table.seenBy(0, 0).failure('a', 'm')).toBeUndefined();
    expect(table.seenBy(0, 0).failure('b', 'm')).toBeDefined();
    expect(table.record(at(0), memory).retryAtMs).toBe(10_000);
  });

  test('forgets the oldest of more than 1,000 models of a node, and keeps no reason longer than 2,000 characters', () => {
    const table = new LoadFailureTable();
    const long = new CortexError('model_load_failed', 'x'.repeat(1 << 20));
    for (let index = 0; index <= 1000; index += 1)
      table.record({ node: 'a', model: `m${index}`, nowMs: 0 }, long);

    const failures = table.seenBy(0, 0);
    expect(failures.failure('a', 'm0')).toBeUndefined();
    expect(failures.failure('a', 'm1000')?.reason).toHaveLength(2000);
  });
});
