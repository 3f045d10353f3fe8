import { describe, expect, test } from 'bun:test';

import { hashText, rendezvousHash } from './rendezvous-hash.ts';

const best = (key: string, nodes: readonly string[]): string | undefined =>
  nodes.toSorted((a, b) => rendezvousHash(hashText(key), b) - rendezvousHash(hashText(key), a))[0];

describe('The rendezvous hash', () => {
  const nodes = ['alpha', 'beta', 'gamma', 'delta'];
  const keys = Array.from({ length: 4000 }, (_, index) => `session-${index}`);

  test('spreads keys over nodes evenly', () => {
    const counts = new Map<string, number>();
    for (const key of keys) {
      const node = best(key, nodes) ?? '';
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('moves only the keys of a node that leaves', () => {
    const rest = nodes.filter((node) => node !== 'beta');
    const moved = keys.filter((key) => best(key, nodes) !== best(key, rest));
    expect(moved.every((key) => best(key, nodes) === 'beta')).toBe(true);
  });
});
