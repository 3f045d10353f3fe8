import { describe, expect, test } from 'bun:test';

import { DecidedFleet, type HostShape, only, told } from '../../test/decided-fleet.ts';
import type { CatalogueModel } from '../catalogue.ts';
import { explainModel } from '../index.ts';

const OLD = { age_ms: 900_000, idle_ms: 900_000 };
const MODELS: readonly CatalogueModel[] = [
  { id: 'old', vramMb: 10_000 },
  { id: 'recent', vramMb: 10_000 },
  { id: 'new', vramMb: 10_000 },
];

const full = (host: HostShape = {}, models = MODELS, settings = {}) =>
  new DecidedFleet({
    hosts: { a: { loaded: { old: OLD, recent: { ...OLD, idle_ms: 1000 } }, ...host } },
    models,
    settings,
  });

const withModel = (id: string, changes: Partial<CatalogueModel>): readonly CatalogueModel[] =>
  MODELS.map((model) => (model.id === id ? { ...model, ...changes } : model));

describe('An eviction', () => {
  test('unloads the model that is least likely to be asked for again', () => {
    expect(told(full().ask('new'))).toEqual(['load new on a after old']);
  });

  test('names the generation that the plan was made for, so that the node can refuse', () => {
    const [load] = only(full({ loaded: { old: { ...OLD, generation: 7 } } }).ask('new'), 'load');
    expect(load?.after).toEqual([]);
    const fleet = full({ gpus: [12_000], loaded: { old: { ...OLD, generation: 7 } } });
    expect(only(fleet.ask('new'), 'load')[0]?.after).toEqual([
      { by: 'unload', model: 'old', ifGeneration: 7, keepsMib: 0 },
    ]);
  });

  test('never unloads a model that is answering a request', () => {
    const fleet = full();
    fleet.ask('old');
    expect(told(fleet.ask('new'))).toEqual(['load new on a after recent']);
  });

  test('never unloads a model that answers requests of another cortex', () => {
    const fleet = full({ seats: { in_flight: 1 } });
    expect(told(fleet.ask('new'))).toEqual([]);
  });

  test('waits when all models are busy, and happens as soon as one is idle', () => {
    const fleet = full();
    fleet.ask('old');
    fleet.ask('recent');
    expect(told(fleet.ask('new'))).toEqual([]);
    expect(told(fleet.answer('recent'))).toEqual(['load new on a after recent']);
  });

  test('never unloads a pinned model, nor one on a node of its pinned_on', () => {
    const byNode = full({ loaded: { old: { ...OLD, pinned: true }, recent: OLD } });
    expect(told(byNode.ask('new'))).toEqual(['load new on a after recent']);
    const byCatalogue = full({}, withModel('old', { pinnedOn: ['a'] }));
    expect(told(byCatalogue.ask('new'))).toEqual(['load new on a after recent']);
  });

  test('never unloads a model of higher residency priority', () => {
    const fleet = full({}, withModel('old', { residencyPriority: 200 }));
    expect(told(fleet.ask('new'))).toEqual(['load new on a after recent']);
  });

  test('between models of equal priority goes both ways', () => {
    const one = full({ gpus: [12_000], loaded: { old: OLD } });
    const other = full({ gpus: [12_000], loaded: { new: OLD } });
    expect(told(one.ask('new'))).toEqual(['load new on a after old']);
    expect(told(other.ask('old'))).toEqual(['load old on a after new']);
  });

  test('with the strategy "priority" takes the least important model, not the least recent one', () => {
    const fleet = full({}, withModel('recent', { residencyPriority: 50 }), {
      strategy: 'priority',
    });
    expect(told(fleet.ask('new'))).toEqual(['load new on a after recent']);
  });

  test('does not happen if the newcomer would still not fit', () => {
    const fleet = full({ loaded: { old: OLD, recent: { ...OLD, pinned: true } } }, [
      ...MODELS,
      { id: 'huge', vramMb: 20_000 },
    ]);
    expect(told(fleet.ask('huge'))).toEqual(['refuse no_room']);
  });

  test('does not happen where there is room, whatever the priorities', () => {
    const fleet = full({ gpus: [40_000] }, withModel('new', { residencyPriority: 900 }));
    expect(told(fleet.ask('new'))).toEqual(['load new on a']);
  });

  test('takes rather one that another node has ready as well, as long as it does', () => {
    const hosts = {
      a: { loaded: { old: OLD, recent: { ...OLD, idle_ms: 500_000 } } },
      b: { gpus: [10_000], loaded: { recent: OLD } },
    };
    const fleet = new DecidedFleet({ hosts, models: MODELS });
    const victims = (): readonly string[] =>
      explainModel(fleet.state, { model: 'new', node: 'a' }).outlook.victims.map(
        ({ model }) => model,
      );
    expect(victims()).toEqual(['recent']);

    fleet.report('b', { loaded: {} });
    expect(victims()).toEqual(['old']);
    fleet.report('b');
    expect(told(fleet.ask('new', { node: 'a' }))).toEqual(['load new on a after recent']);
  });

  test('counts the end of the last request as its last use, not the start', () => {
    const fleet = full();
    fleet.ask('old');
    fleet.after(60_000);
    fleet.answer('old');
    expect(told(fleet.ask('new'))).toEqual(['load new on a after recent']);
  });

  test('that the node refuses because the victim was used is planned anew', () => {
    const fleet = full();
    fleet.ask('new');
    fleet.unload('a', 'old', 'kept');
    expect(told(fleet.endLoad('a', 'new', { kind: 'changed' }))).toEqual([
      'load new on a after old',
    ]);
  });

  test('gives its victim no more requests from the moment of the plan, and loads it again for them', () => {
    const fleet = full();
    fleet.ask('new');
    expect(told(fleet.ask('old'))).toEqual([]);
    fleet.endLoad('a', 'new');
    expect(fleet.state.waiting('old')).toBe(1);
  });

  test('does not load its victim again on the node before it has left', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { large: OLD, middle: OLD } } },
      models: [
        { id: 'large', vramMb: 15_000 },
        { id: 'middle', vramMb: 8000 },
        { id: 'small', vramMb: 3000 },
      ],
    });
    expect(told(fleet.ask('small'))).toEqual(['load small on a after middle']);
    expect(told(fleet.ask('middle'))).toEqual([]);
    expect(told(fleet.unload('a', 'middle'))).toEqual(['load middle on a after large']);
  });

  test('says what each node lacked, who left, and what that cost', () => {
    const [load] = only(full().ask('new'), 'load');
    expect(load?.record).toMatchObject({
      why: 'waiting',
      needMib: 10_000,
      candidates: [{ node: 'a', feasible: true, rank: [0, 0, 0, 1, 0, 1, 0] }],
      victims: [{ model: 'old', freesMib: 10_000, why: 'idle' }],
    });
    const [victim] = load?.record.victims ?? [];
    expect(victim?.cost).toBeCloseTo((victim?.loadMs ?? 0) * (victim?.wanted ?? 0));
  });

  test('makes no use of a node that yields its GPU to another program', () => {
    const fleet = full({ yielding: true });
    expect(told(fleet.ask('new'))).toEqual([]);
    fleet.after(1000);
    expect(told(fleet.report('a', { yielding: false }))).toEqual(['load new on a after old']);
  });
});
