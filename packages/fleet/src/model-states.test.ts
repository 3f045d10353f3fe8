import { describe, expect, test } from 'bun:test';

import { MODEL_STATES, stateTraits } from '@cortex/protocol';

import { entry, fleet, report } from '../test/build-fleet.ts';
import { DecidedFleet, only, told } from '../test/decided-fleet.ts';
import { fleetHealth, modelStatus } from './index.ts';

const fleetWith = (status: string) =>
  fleet({ nodes: ['a'] }, [report('a', [entry('m', { status })])]).snapshot;

/** What becomes of a request for a model in this state. */
function fateWith(status: string): string | undefined {
  const hosts = { a: { loaded: { m: { status } } } };
  const decided = new DecidedFleet({ hosts, models: [] });
  const [load] = decided.ask('m').filter(({ kind }) => kind === 'load');
  if (load?.kind === 'load') return load.record.why;
  return told(decided.actions)[0];
}

describe('a model', () => {
  test.each([...MODEL_STATES, 'warming', 'constructor', ''])(
    'with status %p is routed and listed as the state table defines',
    (status) => {
      const snapshot = fleetWith(status);
      const { serves, loadable, underWay, impairs } = stateTraits(status);

      const fate = fateWith(status);

      expect(fate === 'grant a').toBe(serves);
      expect(fate === 'waiting').toBe(loadable);
      expect(fate === 'joined').toBe(underWay);
      expect(fleetHealth(snapshot).status === 'impaired').toBe(impairs);
    },
  );

  test('with a status of a newer neuron is refused by that status and listed as unloaded', () => {
    const snapshot = fleetWith('warming');

    const hosts = { a: { loaded: { m: { status: 'warming' } } } };
    const [refusal] = only(new DecidedFleet({ hosts, models: [] }).ask('m'), 'refuse');
    expect(refusal?.refusal).toMatchObject({
      kind: 'no_room',
      candidates: [{ node: 'a', lacked: [{ what: 'state', have: 'warming' }] }],
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
