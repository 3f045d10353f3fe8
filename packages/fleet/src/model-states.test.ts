import { describe, expect, test } from 'bun:test';

import { MODEL_STATES, stateTraits } from '@cortex/protocol';

import { entry, fleet, quiet, report } from '../test/build-fleet.ts';
import { classifyUnserved } from './classify-unserved.ts';
import { fleetHealth, modelStatus, selectNode } from './index.ts';

const fleetWith = (status: string) =>
  fleet({ nodes: ['a'] }, [report('a', [entry('m', { status })])]).snapshot;
const question = { model: 'm', tried: [], weight: 1 };

describe('a model', () => {
  test.each([...MODEL_STATES, 'warming', 'constructor', ''])(
    'with status %p is routed and listed as the state table defines',
    (status) => {
      const snapshot = fleetWith(status);
      const { serves, loadable, underWay, impairs } = stateTraits(status);

      const selection = selectNode(snapshot, question, quiet).kind;

      expect(selection === 'node').toBe(serves);
      expect(selection === 'load').toBe(loadable);
      expect(selection === 'loading').toBe(underWay);
      expect(fleetHealth(snapshot).status === 'impaired').toBe(impairs);
    },
  );

  test('with a status of a newer neuron is refused by that status and listed as unloaded', () => {
    const snapshot = fleetWith('warming');

    expect(classifyUnserved(snapshot, question, quiet)).toEqual({
      kind: 'refused',
      refusal: {
        kind: 'no_capacity',
        obstacles: [{ node: 'a', text: 'has it in state "warming"' }],
      },
    });
    expect(modelStatus(snapshot.replicasByModel.get('m') ?? [])).toBe('unloaded');
  });

  test('shows as loading after cortex requested a load, until the node reports it', () => {
    const shown = [...MODEL_STATES, 'warming'].filter((status) => {
      const state = fleet({ nodes: ['a'] }, [report('a', [entry('m', { status })])]);
      state.apply({ kind: 'load_started', node: 'a', model: 'm', atMs: 2 });
      return state.snapshot.replicasByModel.get('m')?.[0]?.status === status;
    });

    expect(shown).toEqual(['loaded', 'recovering', 'loading', 'pulling']);
  });
});
