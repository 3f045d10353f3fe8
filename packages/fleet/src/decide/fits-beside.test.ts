import { expect, test } from 'bun:test';

import { DecidedFleet } from '../../test/decided-fleet.ts';
import { fitsBeside } from './fits-beside.ts';

const MODELS = [{ id: 'small', vramMb: 4000 }, { id: 'large', vramMb: 20_000 }, { id: 'unknown' }];

test('A model has room where it fits beside what a node holds, measured or estimated', () => {
  const fleet = new DecidedFleet({
    hosts: { a: { loaded: { r: { vram_used_mb: 10_000 } } } },
    models: MODELS,
  });
  expect(['small', 'large'].map((model) => fitsBeside(fleet.state, model))).toEqual([true, false]);
  fleet.state.facts.of('a', 'small').needMib = 15_000;
  expect(fitsBeside(fleet.state, 'small')).toBe(false);
});

test('A model of unknown size has room only on a node that holds nothing', () => {
  const loaded = { r: { vram_used_mb: 100 } };
  const full = new DecidedFleet({ hosts: { a: { loaded } }, models: MODELS });
  const empty = new DecidedFleet({ hosts: { a: { loaded }, b: {} }, models: MODELS });
  expect([full, empty].map(({ state }) => fitsBeside(state, 'unknown'))).toEqual([false, true]);
});

test('A model that a node loads already has room', () => {
  const loaded = { large: { status: 'loading' }, r: { vram_used_mb: 20_000 } };
  const fleet = new DecidedFleet({ hosts: { a: { loaded } }, models: MODELS });
  expect(fitsBeside(fleet.state, 'large')).toBe(true);
});
