import { ClaimAnswer, NodeHealth } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { scriptedEngine, TestNeuron } from './test-neuron.ts';

test('a claim of a gateway is in the health of the node until it is released', async () => {
  await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
  const claim = { owner: 'one', model: 'y', from: ['x'] };
  const claims = async () => NodeHealth.parse(await neuron.health()).claims;

  const answer = await neuron.post('/claim', { ...claim, for_s: 15 });

  expect(answer.status).toBe(200);
  expect(ClaimAnswer.parse(await answer.json()).claims).toMatchObject([claim]);
  expect(await claims()).toMatchObject([claim]);
  await neuron.post('/claim', { ...claim, for_s: 0 });
  expect(await claims()).toEqual([]);
});

test.each([
  ['without an owner', { model: 'y', from: [], for_s: 15 }, 'owner'],
  ['for longer than a minute', { owner: 'one', model: 'y', from: [], for_s: 61 }, 'for_s'],
  [
    'with a name of any length',
    { owner: 'one', model: 'y'.repeat(513), from: [], for_s: 1 },
    'model',
  ],
])('a claim %s is refused by the name of the field', async (_what, body, field) => {
  await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

  const answer = await neuron.post('/claim', body);

  expect(answer.status).toBe(400);
  expect((await answer.json()).error.message).toContain(field);
});
