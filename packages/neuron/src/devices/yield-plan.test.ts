import fc from 'fast-check';
import { describe, expect, test } from 'bun:test';

import { type LeavingModel, planYield } from './yield-plan.ts';

const model = (id: string, vramMib: number): LeavingModel => ({
  id,
  vramMib,
  reloadBytes: vramMib,
});

describe('the models that leave a GPU for another program', () => {
  test('are the cheapest to reload, as many as are needed', () => {
    expect(
      planYield([model('large', 20_000), model('small', 300), model('middle', 5000)], 4000),
    ).toEqual(['middle']);
  });

  test('leave in the order of the cost of their reload', () => {
    const models = [model('large', 20_000), model('small', 300), model('middle', 5000)];

    expect(planYield(models, 25_200)).toEqual(['small', 'middle', 'large']);
  });

  test('are all of them if that is not enough', () => {
    expect(planYield([model('b', 300), model('a', 300)], 9000)).toEqual(['a', 'b']);
  });

  test('are none that could stay, and free what is missing if any set does', () => {
    const models = fc
      .array(fc.record({ vramMib: fc.integer({ min: 1, max: 5000 }), reloadBytes: fc.nat(9) }), {
        maxLength: 8,
      })
      .map((list) => list.map((fields, at) => ({ id: String(at), ...fields })));
    fc.assert(
      fc.property(models, fc.integer({ min: 1, max: 20_000 }), (all, missingMib) => {
        const leaving = planYield(all, missingMib).map((id) => all[Number(id)]?.vramMib ?? 0);
        const freed = leaving.reduce((total, mib) => total + mib, 0);
        const most = all.reduce((total, { vramMib }) => total + vramMib, 0);
        if (freed < Math.min(missingMib, most)) return false;
        return most < missingMib || leaving.every((mib) => freed - mib < missingMib);
      }),
    );
  });
});
