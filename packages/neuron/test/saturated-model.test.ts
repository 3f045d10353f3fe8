/** Behaviour 14: a full queue is no failure. cortex must not take a busy model for a dead one and evict it. */
import { createGate } from '@cortex/testkit';
import { expect, test } from 'bun:test';

import { readUntil, scriptedEngine, TestNeuron } from './test-neuron.ts';

test('a model whose slots and queue are full refuses requests and stays servable', async () => {
  const gate = createGate();
  const startEngine = scriptedEngine({
    slots: 1,
    answer: () => ({ items: [{ text: 'a' }, { text: 'b' }], gates: { 1: gate } }),
  });
  await using neuron = await TestNeuron.start({
    flags: { 'admission.max_queue_depth': 0 },
    parts: { startEngine },
  });
  await neuron.load();
  const { reader } = await readUntil(await neuron.chat({ stream: true }), '"a"');

  const refused = await neuron.chat();
  const [load] = (await neuron.health()).models;

  expect([refused.status, (await refused.json()).error.code]).toEqual([503, 'queue_full']);
  expect(load).toMatchObject({ in_flight: 1, max_in_flight: 1, rejected: { queue_full: 1 } });
  expect((await neuron.model()).servable).toEqual({ ok: true });
  gate.open();
  await reader.cancel();
});
