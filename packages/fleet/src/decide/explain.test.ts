import { describe, expect, test } from 'bun:test';

import { DecidedFleet, type HostShape } from '../../test/decided-fleet.ts';
import type { CatalogueModel } from '../catalogue.ts';
import { explainModel } from './explain.ts';

const fleetOf = (hosts: Readonly<Record<string, HostShape>>, model: Partial<CatalogueModel> = {}) =>
  new DecidedFleet({
    hosts,
    models: [
      { id: 'm', vramMb: 8000, ...model },
      { id: 'other', vramMb: 20_000 },
    ],
  });

const outlookOf = ({ state }: DecidedFleet, node?: string) =>
  explainModel(state, { model: 'm', node }).outlook;

const ASLEEP: HostShape = { config: { expectedOffline: true, wakeMs: 120_000 } };

/** What the node lacks, as it would be said. */
const lackOn = (fleet: DecidedFleet, node: string) =>
  outlookOf(fleet).candidates.find((candidate) => candidate.node === node)?.lacked[0]?.have;

describe('the outlook of a model', () => {
  test('is the host that a request would wake', () => {
    const fleet = fleetOf({ a: { gpus: [4000] }, b: ASLEEP });
    fleet.lose('b');

    expect(outlookOf(fleet)).toMatchObject({ kind: 'wakes', node: 'b', wakeMs: 120_000 });
    expect(lackOn(fleet, 'b')).toBe('asleep');
  });

  test('is that host too while it is being woken for a request', () => {
    const fleet = fleetOf({ a: { gpus: [4000] }, b: ASLEEP });
    fleet.lose('b');
    fleet.ask('m');

    expect(outlookOf(fleet)).toMatchObject({ kind: 'wakes', node: 'b' });
    expect(lackOn(fleet, 'b')).toBe('waking');
  });

  test('is a node that is up, rather than a host that sleeps', () => {
    const fleet = fleetOf({ a: {}, b: ASLEEP });
    fleet.lose('b');

    expect(outlookOf(fleet)).toMatchObject({ kind: 'plan', node: 'a' });
    expect(lackOn(fleet, 'b')).toBe('asleep');
  });

  test('is impossible on a host that cannot be woken', () => {
    const fleet = fleetOf({ a: { config: { expectedOffline: true } } });
    fleet.lose('a');

    expect(outlookOf(fleet).kind).toBe('impossible');
    expect(lackOn(fleet, 'a')).toBe('down');
  });

  test('says for how long the models have been idle that would leave', () => {
    const fleet = fleetOf({ a: { loaded: { other: { age_ms: 900_000, idle_ms: 600_000 } } } });

    expect(outlookOf(fleet).victims).toMatchObject([{ model: 'other', idleMs: 600_000 }]);
  });

  test('says that a node has yet to estimate what the model needs, until one has', () => {
    const fleet = fleetOf({ a: {} });
    expect(outlookOf(fleet)).toMatchObject({ kind: 'plan', node: 'a', isNeedEstimated: false });

    fleet.ask('m');

    expect(outlookOf(fleet).isNeedEstimated).toBe(true);
  });

  test('does not wait for an estimate of what is measured', () => {
    const fleet = fleetOf({ a: { loaded: { m: {} } }, b: {} }, { contextLength: 8192, slots: 1 });

    expect(outlookOf(fleet, 'b').isNeedEstimated).toBe(true);
  });

  test('is only about the node that was asked for', () => {
    const fleet = fleetOf({ a: {}, b: {} }, { pinnedOn: ['a'] });

    expect(outlookOf(fleet, 'b')).toMatchObject({ kind: 'plan', node: 'b' });
    expect(outlookOf(fleet, 'b').candidates.map(({ node }) => node)).toEqual(['b']);
  });

  test('of a manual model is a load by the operator, who wakes a host too', () => {
    const fleet = fleetOf({ a: { gpus: [4000] }, b: ASLEEP }, { load: 'manual' });
    fleet.lose('b');

    expect(explainModel(fleet.state, { model: 'm' }).isManual).toBe(true);
    expect(outlookOf(fleet)).toMatchObject({ kind: 'wakes', node: 'b' });
  });

  test('changes no plan: a request is decided as without the question', () => {
    const [asked, silent] = [fleetOf({ a: {}, b: ASLEEP }), fleetOf({ a: {}, b: ASLEEP })];
    for (const fleet of [asked, silent]) fleet.lose('b');

    outlookOf(asked);

    expect(asked.ask('m')).toEqual(silent.ask('m'));
  });
});
