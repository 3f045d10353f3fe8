import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { longestReuse } from './reuse.ts';

const anywhere = { isRecurrent: false, windowTokens: undefined, minPosition: 0, checkpoints: [] };

describe('longestReuse', () => {
  test('cells that can be cut anywhere serve what is shared', () => {
    expect(longestReuse({ cells: 10, shared: 4 }, anywhere)).toEqual({ kind: 'cells', length: 4 });
  });

  test('a sliding window must still hold all that the next token sees', () => {
    const cut = { ...anywhere, windowTokens: 8, minPosition: 13 };

    expect(longestReuse({ cells: 30, shared: 20 }, cut).length).toBe(20);
    expect(longestReuse({ cells: 30, shared: 19 }, cut).length).toBe(0);
  });

  test('recurrent state serves whole or from a checkpoint', () => {
    const cut = { ...anywhere, isRecurrent: true, checkpoints: [3, 7, 9] };

    expect(longestReuse({ cells: 10, shared: 10 }, cut)).toEqual({ kind: 'cells', length: 10 });
    expect(longestReuse({ cells: 10, shared: 8 }, cut)).toEqual({ kind: 'checkpoint', length: 7 });
    expect(longestReuse({ cells: 10, shared: 2 }, cut)).toEqual({ kind: 'nothing', length: 0 });
  });

  test('never more than is shared, never less than the best checkpoint in it', () => {
    const lengths = fc.record({ cells: fc.nat(500), shared: fc.nat(500) });
    const cuts = fc.record({
      isRecurrent: fc.boolean(),
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
        if (kind === 'cells' && cut.isRecurrent) expect(length).toBe(cells);
        expect(length > 0).toBe(kind !== 'nothing');
      }),
    );
  });
});
