import { expect, test } from 'bun:test';

import { type Candidate, FleetState } from '@cortex/fleet';

import { refusalError } from './refusal-error.ts';

const REQUEST = {
  model: 'm',
  stream: false,
  snapshot: new FleetState().snapshot,
};

test('the error without a node that is up names every node once, with its reason', () => {
  const nodes = [
    { node: 'a', error: 'Node a could not be reached: the connection was refused.' },
    { node: 'b', error: 'b (/health) did not answer within 5 s.' },
    { node: 'c', error: 'no reason' },
    { node: 'd' },
  ];

  const error = refusalError({ kind: 'no_healthy_node', nodes }, REQUEST);

  expect(error.message).toBe(
    'No node that could serve m is up: Node a could not be reached: the connection was refused; b (/health) did not answer within 5 s; c: no reason; d has not answered.',
  );
});

test('the error for a model that no node can load now says what each one lacks', () => {
  const lacking = (node: string, lacked: Candidate['lacked'][number]): Candidate => ({
    node,
    feasible: false,
    lacked: [lacked],
    rank: [],
    load: 0,
  });
  const candidates = [
    lacking('small', { what: 'memory', need: 8000, have: 4000, unit: 'MiB' }),
    lacking('large', { what: 'up', need: 'up', have: 'down', unit: 'name' }),
  ];

  const error = refusalError({ kind: 'no_room', candidates }, REQUEST);

  expect(error.code).toBe('no_capacity');
  expect(error.message).toBe(
    'No node can load m now: small has 4000 MiB for models, and 8000 MiB are needed; large is not up.',
  );
});

test('the error in a fleet without nodes says where to add one', () => {
  const refusal = { kind: 'no_healthy_node', nodes: [] } as const;

  expect(refusalError(refusal, REQUEST).message).toBe(
    'No neuron is configured: add one under [[neurons]] in cortex.toml.',
  );
});
