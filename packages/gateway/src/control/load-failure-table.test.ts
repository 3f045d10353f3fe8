import { describe, expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';

import { LoadFailureTable } from './load-failure-table.ts';

const at = (nowMs: number) => ({ node: 'a', model: 'm', nowMs });
const memory = new CortexError('insufficient_vram', '2000 MiB missing');

describe('LoadFailureTable', () => {
  test('leaves a failed load alone for 10 s, twice as long each time, 5 min at most', () => {
    const table = new LoadFailureTable();
    const waits = Array.from(
      { length: 7 },
      () => table.record(at(1_000), memory).retryAtMs - 1_000,
    );
    expect(waits).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  });

  test('waits as long as the node asks for where that is longer', () => {
    const error = new CortexError('insufficient_vram', 'x', { retryAfterS: 45 });
    expect(new LoadFailureTable().record(at(0), error).retryAtMs).toBe(45_000);
  });

  test('a node that could not be reached is left alone for a second only', () => {
    const error = new CortexError('node_unreachable', 'gone');
    expect(new LoadFailureTable().record(at(0), error).retryAtMs).toBe(1_000);
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
    expect(table.failure('a', 'm')).toBeUndefined();
    expect(table.failure('b', 'm')).toBeDefined();
    expect(table.record(at(0), memory).retryAtMs).toBe(10_000);
  });

  test('forgets the oldest of more than 1,000 models of a node, and keeps no reason longer than 2,000 characters', () => {
    const table = new LoadFailureTable();
    const long = new CortexError('model_load_failed', 'x'.repeat(1 << 20));
    for (let index = 0; index <= 1000; index += 1)
      table.record({ node: 'a', model: `m${index}`, nowMs: 0 }, long);

    expect(table.failure('a', 'm0')).toBeUndefined();
    expect(table.failure('a', 'm1000')?.reason).toHaveLength(2000);
  });
});
