/** A node that can put one of two models to sleep, of which only one fits. */
import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());

interface Sleeper {
  readonly asleepMib?: number;
  readonly status?: string;
}

/** `a` can sleep; `b` is not loaded and cannot. */
async function oneOfTwo(a: Sleeper = {}): Promise<FakeNeuron> {
  const neuron = new FakeNeuron({
    memoryMib: 10_000,
    models: [
      { id: 'a', vram_used_mb: 8000, generation: 7, can_sleep: true, ...a },
      { id: 'b', vram_used_mb: 8000, status: 'unloaded' },
    ],
  });
  under = await ControlUnderTest.started({ neurons: { one: neuron } });
  return neuron;
}

const bodies = (neuron: FakeNeuron, path: string): readonly unknown[] =>
  neuron.calls.all.filter((call) => call.path === path).map(({ body }) => JSON.parse(body));

const REFUSAL = { status: 422, code: 'wrong_modality', message: 'llama cannot' };

describe('a request for a model without room', () => {
  test('has the idle model put to sleep, if it is unchanged, and then loads its own', async () => {
    const neuron = await oneOfTwo();

    const attempt = under.acquire({ model: 'b' });
    (await neuron.load()).succeed();
    (await attempt).release();

    expect(bodies(neuron, '/models/a/sleep')).toEqual([{ if_generation: 7 }]);
    expect(neuron.count('/models/unload')).toBe(0);
    expect(under.statusOf('a')).toEqual(['one:sleeping']);
  });

  test.each([
    ['422', REFUSAL],
    ['404 of an older node', { status: 404, code: 'invalid_request', message: 'no such route' }],
    ['500', { status: 500, code: 'internal_error', message: 'it failed' }],
  ])('has the idle model unloaded where the node refuses the sleep with %s', async (_, error) => {
    const neuron = await oneOfTwo();
    neuron.failPath('/models/a/sleep', error);

    const attempt = under.acquire({ model: 'b' });
    (await neuron.load()).succeed();
    (await attempt).release();

    expect(neuron.count('/models/a/sleep')).toBe(1);
    expect(bodies(neuron, '/models/unload')).toEqual([
      { model_id: 'a', if_idle: true, if_generation: 7 },
    ]);
    expect(under.statusOf('a')).toEqual(['one:unloaded']);
  });

  test('does not unload the other model if it is used by others meanwhile', async () => {
    const neuron = await oneOfTwo();
    neuron.setModel({ id: 'a', generation: 8 });
    const attempt = under.acquire({ model: 'b' });

    // Planned again with what the node reports.
    expect(JSON.parse((await neuron.call('/models/a/sleep', 2)).body)).toEqual({
      if_generation: 8,
    });
    (await neuron.load()).succeed();
    (await attempt).release();
    expect(bodies(neuron, '/models/a/sleep')[0]).toEqual({ if_generation: 7 });
    expect(neuron.count('/models/unload')).toBe(0);
  });

  test('has what sleeps unloaded after all if it keeps more than fits beside', async () => {
    const neuron = await oneOfTwo({ asleepMib: 2500 });

    const attempt = under.acquire({ model: 'b' });
    (await neuron.load()).succeed();
    (await attempt).release();

    expect([neuron.count('/models/a/sleep'), neuron.count('/models/unload')]).toEqual([1, 1]);
    expect(neuron.loadCount).toBe(1);
    expect(under.statusOf('a')).toEqual(['one:unloaded']);
  });

  test('loads its own beside what sleeps if that keeps no more than fits', async () => {
    const neuron = await oneOfTwo({ asleepMib: 1500 });

    const attempt = under.acquire({ model: 'b' });
    (await neuron.load()).succeed();
    (await attempt).release();

    expect(neuron.count('/models/unload')).toBe(0);
    expect(under.statusOf('a')).toEqual(['one:sleeping']);
  });

  test('is explained with what is put to sleep for it', async () => {
    const neuron = await oneOfTwo();
    const attempt = under.acquire({ model: 'b' });
    (await neuron.load()).succeed();
    (await attempt).release();

    const { last_load: load, text } = under.control.explain({ model: 'b' });

    expect(load?.victims).toMatchObject([{ model: 'a', by: 'sleep', frees_mb: 8000 }]);
    expect(text.join(' ')).toMatch(/putting to sleep a \(idle, frees 8000 MiB, wakes again in /);
  });
});

describe('a model that sleeps', () => {
  test('is woken by a request', async () => {
    const neuron = await oneOfTwo({ status: 'sleeping', asleepMib: 1500 });

    const attempt = under.acquire({ model: 'a' });
    (await neuron.load()).succeed();
    (await attempt).release();

    expect(under.statusOf('a')).toEqual(['one:loaded']);
    expect(neuron.count('/models/unload')).toBe(0);
  });

  test('is unloaded and loaded by a request if its settings have changed since it fell asleep', async () => {
    const neuron = await oneOfTwo({ status: 'sleeping' });
    const message = 'a is loaded with other settings: slots.';
    neuron.failPath('/models/load', { status: 409, code: 'conflict', message });

    const attempt = under.acquire({ model: 'a' });
    await neuron.call('/models/load');
    neuron.heal('/models/load');
    (await neuron.load()).succeed();
    (await attempt).release();

    expect(bodies(neuron, '/models/unload')).toEqual([
      { model_id: 'a', if_idle: true, if_generation: 7 },
    ]);
    expect(neuron.count('/models/load')).toBe(2);
  });

  test('is unloaded and loaded with its new settings by the operator too', async () => {
    const neuron = await oneOfTwo({ status: 'sleeping' });
    const message = 'a is loaded with other settings: slots.';
    neuron.failPath('/models/load', { status: 409, code: 'conflict', message });

    const answer = under.control.loadModel({ model: 'a' }, new AbortController().signal);
    await neuron.call('/models/load');
    neuron.heal('/models/load');
    (await neuron.load()).succeed();

    expect(await answer).toMatchObject({ node: 'one' });
    expect(neuron.count('/models/unload')).toBe(1);
  });
});
