import { describe, expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';

import { LoadFailureTable } from './load-failure-table.ts';

const at = (nowMs: number, node = 'a') => ({ node, model: 'm', nowMs });
const memory = new CortexError('insufficient_vram', '2000 MiB missing', { retryAfterS: 45 });
const SECOND = 1000;

/** The failure that a request sees that arrived at `arrivedMs`. */
const seen = (table: LoadFailureTable, arrivedMs: number, node = 'a', model = 'm') =>
  table.seenBy(arrivedMs).failure(node, model);

describe('LoadFailureTable', () => {
  test('applies a failure to requests that arrived before it, but not to later ones', () => {
    const table = new LoadFailureTable();
    table.record(at(5 * SECOND), memory);

    expect(seen(table, 4 * SECOND)?.reason).toBe('2000 MiB missing');
    expect(seen(table, 5 * SECOND + 1)).toBeUndefined();
  });

  test('tells callers to retry when the back-off of the node ends, or at once if the node gave none', () => {
    const table = new LoadFailureTable();
    table.record(at(SECOND), memory);
    table.record(at(SECOND, 'b'), new CortexError('node_unreachable', 'gone'));

    expect(seen(table, SECOND)?.retryAtMs).toBe(46 * SECOND);
    expect(seen(table, SECOND, 'b')?.retryAtMs).toBe(SECOND);
  });

  test('keeps the latest failure of a node and model', () => {
    const table = new LoadFailureTable();
    table.record(at(0), memory);
    table.record(at(SECOND), new CortexError('model_load_failed', 'broken file'));

    expect(seen(table, SECOND)).toMatchObject({ reason: 'broken file', isTransient: false });
  });

  test('distinguishes transient causes from permanent ones', () => {
    const kinds = [
      memory,
      new CortexError('model_load_failed', 'engine died', { transient: true }),
      new CortexError('model_load_failed', 'broken file'),
      new CortexError('model_not_found', 'no such file'),
    ].map((error) => {
      const table = new LoadFailureTable();
      table.record(at(0), error);
      return seen(table, 0)?.isTransient;
    });

    expect(kinds).toEqual([true, true, false, false]);
  });

  test('asks for one log line per minute for a temporary cause whose text keeps changing', () => {
    const table = new LoadFailureTable();
    const isLogged = [0, 1, 59, 60, 61].map((nowS) => {
      const error = new CortexError('insufficient_vram', `${2000 + nowS} MiB missing`);
      return table.record(at(nowS * SECOND), error);
    });

    expect(isLogged).toEqual([true, false, false, true, false]);
  });

  test('forgets a failure after a successful load, only for that node and model', () => {
    const table = new LoadFailureTable();
    table.record(at(0), memory);
    table.record(at(0, 'b'), memory);
    table.clear('a', 'm');

    expect(seen(table, 0)).toBeUndefined();
    expect(seen(table, 0, 'b')).toBeDefined();
  });

  test('keeps the 1,000 models of a node that failed last, and 2,000 characters of each reason', () => {
    const table = new LoadFailureTable();
    const long = new CortexError('model_load_failed', 'x'.repeat(1 << 20));
    for (let index = 0; index < 1000; index += 1)
      table.record({ node: 'a', model: `m${index}`, nowMs: 0 }, long);
    table.record({ node: 'a', model: 'm0', nowMs: 0 }, long);
    table.record({ node: 'a', model: 'm1000', nowMs: 0 }, long);

    expect(seen(table, 0, 'a', 'm1')).toBeUndefined();
    expect(seen(table, 0, 'a', 'm0')).toBeDefined();
    expect(seen(table, 0, 'a', 'm1000')?.reason).toHaveLength(2000);
  });
});
