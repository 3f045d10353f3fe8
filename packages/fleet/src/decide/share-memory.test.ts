import { describe, expect, test } from 'bun:test';

import { DecidedFleet, only, told } from '../../test/decided-fleet.ts';

/** Two models that serve with 8000 MiB, on a card of 24,000. */
const pair = (mostMib: number, settings = {}): DecidedFleet =>
  new DecidedFleet({
    hosts: { a: {} },
    models: [
      { id: 'm', vramMb: 8000, ...settings },
      { id: 'n', vramMb: 8000, ...settings },
    ],
    mostMib: { m: mostMib, n: mostMib },
  });

/** The model answers a request and is idle for ten minutes. */
function serve(fleet: DecidedFleet, model: string): readonly string[] {
  const actions = told(fleet.ask(model));
  if (actions[0]?.startsWith('load') === true) fleet.endLoad('a', model);
  fleet.answer(model);
  fleet.after(600_000);
  return actions;
}

describe('Models with automatic context and slots', () => {
  test('that both fit with less displace each other once, and then share the card', () => {
    const fleet = pair(60_000);
    const turns = ['m', 'n', 'm', 'n', 'm'].map((model) => serve(fleet, model));
    expect(turns).toEqual([
      ['load m on a'],
      ['load n on a after m'],
      ['load m on a'],
      ['grant a'],
      ['grant a'],
    ]);
  });

  test('get a limit only if that leaves room for what they displace', () => {
    const fleet = pair(60_000);
    const [first] = only(fleet.ask('m'), 'load');
    fleet.endLoad('a', 'm');
    fleet.answer('m');
    fleet.after(600_000);
    const [second] = only(fleet.ask('n'), 'load');
    expect([first?.limitMib, second?.limitMib]).toEqual([undefined, 16_000]);
  });

  test('are loaded one after the other where the first takes all that is free', () => {
    const fleet = pair(60_000);
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
    expect(told(fleet.ask('n'))).toEqual([]);
  });

  test('are loaded at the same time where both have what they take at most', () => {
    const fleet = pair(12_000);
    expect([told(fleet.ask('m')), told(fleet.ask('n'))]).toEqual([
      ['load m on a'],
      ['load n on a'],
    ]);
  });
});

test('A model with fixed context and slots takes what it needs, and gets no limit', () => {
  const fleet = pair(60_000, { contextLength: 8192, slots: 1 });
  const [load] = only(fleet.ask('m'), 'load');
  expect(load?.limitMib).toBeUndefined();
  expect(fleet.state.reservation('a', 'm')?.takesMib).toBe(8000);
});
