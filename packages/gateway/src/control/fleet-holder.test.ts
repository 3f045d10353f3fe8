import { expect, test } from 'bun:test';

import { FleetHolder } from './fleet-holder.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const configured = (name: string, atMs: number) =>
  ({
    kind: 'config_changed',
    config: {
      nodes: [{ name, endpoint: 'http://a' }],
      catalogue: [],
      aliases: [],
      failuresBeforeDown: 3,
    },
    atMs,
  }) as const;

test('every listener of the fleet gets every revision in order, even if a listener applies events', () => {
  const holder = new FleetHolder(SILENT);
  const seen: Record<string, number[]> = { before: [], applying: [], after: [] };
  const note = (who: string) =>
    holder.subscribe(({ revision }) => {
      seen[who]?.push(revision);
    });
  note('before');
  holder.subscribe(({ revision }) => {
    seen['applying']?.push(revision);
    if (revision < 3) holder.apply(configured('b', revision));
    // The snapshot has the event at once.
    expect(holder.snapshot.revision).toBe(Math.min(3, revision + 1));
  });
  note('after');

  holder.apply(configured('a', 0));

  expect(seen).toEqual({ before: [1, 2, 3], applying: [1, 2, 3], after: [1, 2, 3] });
});
