/** A node with room for one of two models, which tells its memory. */
import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest, FAST_POLL_MS, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());

/** `a` is loaded, and `b` is not. */
async function oneOfTwo(): Promise<FakeNeuron> {
  const neuron = new FakeNeuron({
    memoryMib: 10_000,
    models: [
      {
        id: 'a',
        vram_used_mb: 8000,
        generation: 7,
        load: { max_in_flight: 1, max_queue_depth: 0 },
      },
      { id: 'b', vram_used_mb: 8000, status: 'unloaded' },
    ],
  });
  under = await ControlUnderTest.started({ neurons: { one: neuron } });
  return neuron;
}

/** The node has said what `b` needs. */
async function estimated(): Promise<void> {
  while (under.control.explain({ model: 'b' }).outlook.candidates[0]?.lacked[0]?.need !== 8000) {
    await new Promise(setImmediate);
  }
}

const bodies = (neuron: FakeNeuron, path: string): readonly unknown[] =>
  neuron.calls.all.filter((call) => call.path === path).map(({ body }) => JSON.parse(body));

describe('a request for a model without room', () => {
  test('has the idle model unloaded, if it is still idle and unchanged, and then loads its own', async () => {
    const neuron = await oneOfTwo();

    const attempt = under.acquire({ model: 'b' });
    (await neuron.load()).succeed();
    const lease = await attempt;

    expect(bodies(neuron, '/models/unload')).toEqual([
      { model_id: 'a', if_idle: true, if_generation: 7 },
    ]);
    expect(lease.node).toBe('one');
    lease.release();
    expect(under.statusOf('a')).toEqual(['one:unloaded']);
    expect(under.control.evictions().get('idle')).toBe(1);
  });

  test('waits while the other model is in use, and unloads nothing', async () => {
    const neuron = await oneOfTwo();
    const busy = await under.acquire({ model: 'a' });
    const attempt = under.acquire({ model: 'b' });
    await neuron.call('/models/b/estimate');
    expect(under.control.waiting('b')).toBe(1);
    expect(neuron.count('/models/unload')).toBe(0);

    busy.release();

    (await neuron.load()).succeed();
    (await attempt).release();
    expect(neuron.count('/models/unload')).toBe(1);
  });

  test('does not load where the other model is used by others meanwhile, and tries again later', async () => {
    const neuron = await oneOfTwo();
    neuron.failPath('/models/unload', { status: 409, code: 'conflict', message: 'a is in use.' });
    const attempt = under.acquire({ model: 'b' });
    await neuron.call('/models/unload');
    await under.until(({ replicasByModel }) => replicasByModel.get('a')?.[0]?.status === 'loaded');
    expect(neuron.loadCount).toBe(0);
    neuron.heal('/models/unload');
    await under.pollAgain(FAST_POLL_MS);

    (await neuron.load()).succeed();
    (await attempt).release();
  });

  test('knows what the node reports when it is planned again, after the other model was kept', async () => {
    const neuron = await oneOfTwo();
    neuron.failPath('/models/unload', { status: 409, code: 'conflict', message: 'a is in use.' });
    neuron.setModel({ id: 'a', load: { in_flight: 1 } });
    neuron.setModel({ id: 'a', generation: 8 });

    const attempt = under.acquire({ model: 'b' });
    await neuron.call('/models/unload');
    await under.until(({ nodes }) => nodes.get('one')?.reported.get('a')?.generation === 8);
    await new Promise(setImmediate);
    expect(neuron.count('/models/unload')).toBe(1);
    neuron.heal('/models/unload');
    neuron.setModel({ id: 'a', load: { in_flight: 0 } });
    await under.pollAgain(FAST_POLL_MS);

    (await neuron.load()).succeed();
    (await attempt).release();
    expect(bodies(neuron, '/models/unload').at(-1)).toMatchObject({ if_generation: 8 });
  });

  test.each([
    [401, 'invalid_api_key'],
    [500, 'internal_error'],
    [503, 'shutting_down'],
    [400, 'invalid_request'],
  ])(
    'fails with the reason where the other model cannot be unloaded: %p %p',
    async (status, code) => {
      const neuron = await oneOfTwo();
      neuron.failPath('/models/unload', { status, code, message: 'the reason' });

      const error = await refusal(under.acquire({ model: 'b' }));

      expect(error).toMatchObject({
        message: expect.stringContaining('a could not be unloaded to make room: '),
      });
      expect(neuron.count('/models/unload')).toBe(1);
      expect(neuron.loadCount).toBe(0);
      expect(under.statusOf('a')).toEqual(['one:loaded']);
      expect(under.logged.filter(({ message }) => message === 'load failed')).toHaveLength(1);
    },
  );

  test('fails once where the node dies before the unload', async () => {
    const neuron = await oneOfTwo();
    const busy = await under.acquire({ model: 'a' });
    const attempt = refusal(under.acquire({ model: 'b' }));
    await estimated();
    await neuron.die();

    busy.release();

    expect(await attempt).toMatchObject({
      message: expect.stringContaining('a could not be unloaded to make room: '),
    });
    expect(under.logged.filter(({ message }) => message === 'loading')).toHaveLength(1);
  });

  test('loads its own where the node does not have the other model any more', async () => {
    const neuron = await oneOfTwo();
    neuron.failPath('/models/unload', { status: 404, code: 'model_not_found', message: 'no a' });
    neuron.removeModel('a');

    const attempt = under.acquire({ model: 'b' });
    (await neuron.load()).succeed();

    (await attempt).release();
    expect(neuron.count('/models/unload')).toBe(1);
  });

  test('is refused after its time, with what it waited for', async () => {
    await oneOfTwo();
    const busy = await under.acquire({ model: 'a' });
    const attempt = refusal(under.acquire({ model: 'b', stream: false }));
    await estimated();
    under.clock.advance(120_000);

    expect(await attempt).toMatchObject({
      code: 'model_loading',
      message:
        'b is still waiting for room: one has room for 2000 of 8000 MiB beside a (in use, 8000 MiB).',
      details: { loading: { state: 'waiting for room' } },
    });
    busy.release();
  });
});

describe('a load by the operator', () => {
  test('unloads an idle model although it was just loaded', async () => {
    const neuron = await oneOfTwo();
    const { signal } = new AbortController();
    const first = under.control.loadModel({ model: 'b' }, signal);
    (await neuron.load()).succeed();
    expect(await first).toEqual({ node: 'one', status: 'loading' });
    await under.until(({ replicasByModel }) => replicasByModel.get('b')?.[0]?.isReady === true);

    const second = await under.control.loadModel({ model: 'a' }, signal);

    expect(second).toEqual({ node: 'one', status: 'loading' });
    expect(bodies(neuron, '/models/unload')).toHaveLength(2);
  });

  test('that a request has started already is accepted when the other model has left', async () => {
    const neuron = await oneOfTwo();
    const { signal } = new AbortController();
    neuron.hang('/models/unload');
    const attempt = under.acquire({ model: 'b' });
    await neuron.call('/models/unload');

    const call = under.control.loadModel({ model: 'b' }, signal);
    void call.catch(() => undefined);
    // A call that was sent with the first of these polls has arrived before the last.
    for (let polls = 0; polls < 3; polls += 1) await under.pollAgain(FAST_POLL_MS);
    expect(neuron.count('/models/load')).toBe(0);
    neuron.resume();

    expect(await call).toEqual({ node: 'one', status: 'loading' });
    expect(bodies(neuron, '/models/load')[0]).toMatchObject({ model_id: 'b', detached: true });
    (await neuron.load()).succeed();
    (await attempt).release();
  });

  test('that a request has started already is accepted at once while it runs', async () => {
    const neuron = await oneOfTwo();
    const attempt = under.acquire({ model: 'b' });
    const load = await neuron.load();

    const call = under.control.loadModel({ model: 'b' }, new AbortController().signal);

    expect(await call).toEqual({ node: 'one', status: 'loading' });
    expect(bodies(neuron, '/models/load').at(-1)).toMatchObject({ detached: true });
    load.succeed();
    (await attempt).release();
  });

  test('is refused while the other model is in use, with what is missing', async () => {
    await oneOfTwo();
    const busy = await under.acquire({ model: 'a' });

    const error = await refusal(
      under.control.loadModel({ model: 'b' }, new AbortController().signal),
    );

    expect(error).toMatchObject({
      code: 'no_capacity',
      message:
        'No node can load b now: one has room for 2000 of 8000 MiB beside a (in use, 8000 MiB).',
    });
    busy.release();
  });
});
