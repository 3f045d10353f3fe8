import { describe, expect, test } from 'bun:test';

import { isModelState, MODEL_STATES, type StateTraits, stateTraits } from './model-states.ts';

const statesThat = (trait: Exclude<keyof StateTraits, 'rank'>): string[] =>
  MODEL_STATES.filter((state) => stateTraits(state)[trait]);

describe('the table of model states', () => {
  test('orders the states of replicas as the contract does', () => {
    const shown = MODEL_STATES.toSorted((a, b) => stateTraits(a).rank - stateTraits(b).rank);

    expect(shown).toEqual([
      'loaded',
      'recovering',
      'sleeping',
      'loading',
      'pulling',
      'draining',
      'unloading',
      'failed',
      'unloaded',
    ]);
    expect(MODEL_STATES).toEqual(shown);
  });

  test('lets only a loaded model serve requests', () => {
    expect(statesThat('serves')).toEqual(['loaded']);
  });

  test('allows a load of a model that is absent, unloading, asleep or failed', () => {
    expect(statesThat('loadable')).toEqual([
      'sleeping',
      'draining',
      'unloading',
      'failed',
      'unloaded',
    ]);
  });

  test('makes requests wait only for a load or a download', () => {
    expect(statesThat('underWay')).toEqual(['loading', 'pulling']);
  });

  test('never allows a load of a model that serves or is already loading', () => {
    for (const state of MODEL_STATES) {
      const { serves, underWay, loadable } = stateTraits(state);
      expect({ state, count: [serves, underWay, loadable].filter(Boolean).length <= 1 }).toEqual({
        state,
        count: true,
      });
    }
  });

  test.each(['warming', '', 'LOADED', 'constructor', '__proto__', 'toString'])(
    'treats the status %p of a newer neuron as neither servable nor loadable',
    (status) => {
      const { serves, loadable, underWay, held, impairs } = stateTraits(status);

      expect(isModelState(status)).toBe(false);
      expect({ serves, loadable, underWay, held, impairs }).toEqual({
        serves: false,
        loadable: false,
        underWay: false,
        held: false,
        impairs: true,
      });
    },
  );
});
