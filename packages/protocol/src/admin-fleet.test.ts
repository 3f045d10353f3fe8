import { describe, expect, test } from 'bun:test';

import { type AdminEvent, type AdminFleet, applyAdminEvent, parseAdminEvent } from './index.ts';

const node = (name: string, state: 'up' | 'down' = 'up') => ({
  name,
  endpoint: `http://${name}`,
  state,
  draining: false,
  misses: 0,
  devices: [],
  models: [],
  in_flight: 0,
});
const model = (id: string, status = 'loaded') => ({
  id,
  status,
  catalogued: true,
  aliases: [],
  waiting: 0,
  replicas: [],
});

const START: AdminFleet = {
  health: { status: 'ok', nodes: { healthy: 2, total: 2 } },
  nodes: [node('a'), node('c')],
  models: [model('m')],
};

const after = (...events: readonly AdminEvent[]): AdminFleet | undefined =>
  events.reduce<AdminFleet | undefined>(applyAdminEvent, START);

describe('the fleet after an event', () => {
  test('has thousands of changes in the order of ids, and each model once', () => {
    const ids = Array.from({ length: 5000 }, (_, index) => `m${(index * 7919) % 5000}`);
    const twice = [...ids, ...ids.toReversed()];

    const fleet = after(
      ...twice.map((id, revision) => ({ kind: 'model', revision, model: model(id) }) as const),
    );

    expect(fleet?.models.map(({ id }) => id)).toEqual(['m', ...ids].toSorted());
  });

  test('has a new node in the order of names, and a changed one in its place', () => {
    const fleet = after(
      { kind: 'node', revision: 1, node: node('b') },
      { kind: 'node', revision: 2, node: node('a', 'down') },
    );

    expect(fleet?.nodes.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'a down',
      'b up',
      'c up',
    ]);
  });

  test('lacks the nodes and models that are gone', () => {
    const fleet = after(
      { kind: 'node_gone', revision: 1, name: 'a' },
      { kind: 'model_gone', revision: 2, id: 'm' },
    );

    expect(fleet).toEqual({ ...START, nodes: [node('c')], models: [] });
  });

  test('has the health and the models of the last events', () => {
    const health = { status: 'degraded', nodes: { healthy: 1, total: 2 } };
    const fleet = after(
      { kind: 'health', revision: 1, health },
      { kind: 'model', revision: 2, model: model('m', 'failed') },
      { kind: 'model', revision: 3, model: model('z') },
    );

    expect(fleet?.health).toEqual(health);
    expect(fleet?.models.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'm failed',
      'z loaded',
    ]);
  });

  test('is unknown before the first snapshot', () => {
    const change: AdminEvent = { kind: 'node', revision: 1, node: node('a') };

    expect(applyAdminEvent(undefined, change)).toBeUndefined();
    expect(applyAdminEvent(undefined, { kind: 'snapshot', revision: 2, ...START })).toEqual(START);
  });
});

test('an event of a newer gateway keeps its revision', () => {
  expect(parseAdminEvent('weather', '{"revision":7,"sun":true}')).toMatchObject({
    kind: 'unknown',
    revision: 7,
  });
});
