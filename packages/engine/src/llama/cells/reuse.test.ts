import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { longestReuse } from './reuse.ts';

const anywhere = { windowTokens: undefined, minPosition: 0, checkpoints: [] };

describe('longestReuse', () => {
  test('reuses the shared prefix when the library holds all cells', () => {
    expect(longestReuse({ cells: 10, shared: 4 }, anywhere)).toEqual({ kind: 'cells', length: 4 });
  });

  test('cuts a sliding window only where it holds all cells that the next token attends to', () => {
    const cut = { ...anywhere, windowTokens: 8, minPosition: 13 };

    expect(longestReuse({ cells: 30, shared: 20 }, cut).length).toBe(20);
    expect(longestReuse({ cells: 30, shared: 19 }, cut).length).toBe(0);
  });

  test('does not cut when the library has dropped cells and the file declares no window', () => {
    const cut = { ...anywhere, minPosition: 13, checkpoints: [12] };

    expect(longestReuse({ cells: 30, shared: 29 }, cut)).toEqual({
      kind: 'checkpoint',
      length: 12,
    });
    expect(longestReuse({ cells: 30, shared: 30 }, cut)).toEqual({ kind: 'cells', length: 30 });
  });

  test('reuses nothing of a sequence that the library reports as empty', () => {
    expect(longestReuse({ cells: 9, shared: 9 }, { ...anywhere, minPosition: -1 }).length).toBe(0);
  });

  test('reuses recurrent state, which exists only at the last position, whole or from a checkpoint', () => {
    const cut = { ...anywhere, minPosition: 9, checkpoints: [3, 7, 9] };

    expect(longestReuse({ cells: 10, shared: 10 }, cut)).toEqual({ kind: 'cells', length: 10 });
    expect(longestReuse({ cells: 10, shared: 8 }, cut)).toEqual({ kind: 'checkpoint', length: 7 });
    expect(longestReuse({ cells: 10, shared: 2 }, cut)).toEqual({ kind: 'nothing', length: 0 });
  });

  test('never reuses more than the shared prefix, a cut with missing cells, or less than the best checkpoint', () => {
    const lengths = fc.record({ cells: fc.nat(500), shared: fc.nat(500) });
    const cuts = fc.record({
      windowTokens: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
      minPosition: fc.nat(500),
      checkpoints: fc.array(fc.integer({ min: 1, max: 500 })),
    });
    fc.assert(
      fc.property(lengths, cuts, ({ cells, shared }, cut) => {
        const bounded = { cells, shared: Math.min(cells, shared) };
        const { kind, length } = longestReuse(bounded, cut);

        expect(length).toBeLessThanOrEqual(bounded.shared);
        for (const at of cut.checkpoints)
          if (at <= bounded.shared) expect(length).toBeGreaterThanOrEqual(at);
        if (kind === 'checkpoint') expect(cut.checkpoints).toContain(length);
        if (kind === 'cells' && length < cells && cut.minPosition > 0)
          expect(cut.minPosition).toBeLessThanOrEqual(length - (cut.windowTokens ?? Infinity) + 1);
        expect(length > 0).toBe(kind !== 'nothing');
      }),
    );
  });
});
