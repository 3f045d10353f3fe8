/** Behaviour 15: `servable` in `/models` is what a request meets, because both ask the same function. */
import { createGate } from '@cortex/testkit';
import { CortexError } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { readUntil, scriptedEngine, TestNeuron, until } from './test-neuron.ts';

type Options = Parameters<typeof scriptedEngine>[0];

const scripted = (options: Options = {}) =>
  TestNeuron.start({ parts: { startEngine: scriptedEngine(options) } });

async function loaded(options: Options = {}): Promise<TestNeuron> {
  const neuron = await scripted(options);
  await neuron.load();
  return neuron;
}

/** A node whose model is, or soon will be, in a state. */
const NODES: Readonly<Record<string, () => Promise<TestNeuron>>> = {
  unloaded: () => scripted(),
  loaded: () => loaded(),
  async loading() {
    const neuron = await scripted({ loadGate: createGate() });
    await neuron.post('/models/load', { model_id: 'tiny' });
    return neuron;
  },
  async draining() {
    const items = [{ text: 'a' }, { text: 'b' }];
    const neuron = await loaded({ answer: () => ({ items, gates: { 1: createGate() } }) });
    await readUntil(await neuron.chat({ stream: true }), '"content":"a"');
    neuron.post('/models/unload', { model_id: 'tiny' }).catch(() => undefined);
    return neuron;
  },
  async failed() {
    const neuron = await scripted({ loadFailure: new CortexError('model_load_failed', 'torn') });
    await neuron.post('/models/load?wait=true', { model_id: 'tiny' });
    return neuron;
  },
  async recovering() {
    let die = (): void => undefined;
    const start = scriptedEngine();
    const neuron = await TestNeuron.start({
      parts: {
        startEngine: async (options) => {
          const started = await start(options);
          die = () => void started.connection.close(0);
          return started;
        },
        respawnPauseMs: () => 60_000,
      },
    });
    await neuron.load();
    die();
    return neuron;
  },
};

test.each(Object.entries(NODES))(
  'a request for a model is served exactly if /models shows it as servable, else refused with the reason there: %s',
  async (state, create) => {
    await using neuron = await create();
    await until(async () => (await neuron.model()).status === state);

    const { servable } = await neuron.model();
    const answer = await neuron.chat({ max_tokens: 1 });

    const text = await answer.text();
    expect(servable?.ok).toBe(state === 'loaded');
    expect(answer.status === 200).toBe(servable?.ok === true);
    expect(text).toContain(servable?.reason ?? '"chat.completion"');
    expect(answer.headers.has('x-neuron-refused')).toBe(servable?.ok === false);
  },
);
