import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest, FAST_POLL_MS, POLL_MS, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());

const unloaded = { id: 'm', status: 'unloaded' };
const broken = { status: 422, code: 'model_load_failed', message: 'm.gguf: no such file' };

describe('load on first request', () => {
  test('starts one load for fifty simultaneous requests and serves them all', async () => {
    const neuron = new FakeNeuron({ models: [{ ...unloaded, load: { max_queue_depth: 64 } }] });
    under = await ControlUnderTest.started({
      neurons: { a: neuron },
      catalogue: [{ id: 'm', harness: 'llama', quant: 'Q4_K_M', contextLength: 'auto' }],
    });

    const attempts = Array.from({ length: 50 }, () => under.acquire());
    const load = await neuron.load();
    expect(under.control.waiting('m')).toBe(50);
    under.clock.advance(500);
    load.succeed();
    const leases = await Promise.all(attempts);

    expect(neuron.count('/models/load')).toBe(1);
    expect(load.request).toEqual({ model_id: 'm', harness: 'llama', quant: 'Q4_K_M', ttl_s: 0 });
    expect(leases.every(({ loadMs }) => loadMs === 500)).toBe(true);
    expect(under.control.inFlight('a', 'm')).toBe(50);
    for (const lease of leases) lease.release();
    expect(under.control.inFlight('a')).toBe(0);
    expect(under.control.waiting('m')).toBe(0);
  });

  test('loads a model again that was unloaded without cortex', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const first = await under.acquire();
    neuron.setModel(unloaded);
    first.release();
    under.control.report({ kind: 'model_not_loaded', node: 'a', model: 'm' });

    const attempt = under.acquire();
    (await neuron.load()).succeed();
    const lease = await attempt;
    lease.release();
    expect(lease).toMatchObject({ node: 'a', loadMs: 0 });
  });

  test('polls the node every second during a load and knows its progress', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const attempt = under.acquire();
    const load = await neuron.load();
    load.progress = 0.5;
    const { replicasByModel } = await under.pollAgain(FAST_POLL_MS);
    expect(replicasByModel.get('m')?.[0]).toMatchObject({ status: 'loading', progress: 0.5 });
    load.succeed();
    (await attempt).release();
    await under.clock.whenSet(POLL_MS);
  });

  test('joins a load that the operator started on the node', async () => {
    const a = new FakeNeuron({ models: [unloaded] });
    const b = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const accepted = await under.control.loadModel(
      { model: 'm', node: 'b' },
      new AbortController().signal,
    );
    expect(accepted).toEqual({ node: 'b', status: 'loading' });
    const attempt = under.acquire();
    await b.call('/models/load', 2);
    (await b.load()).succeed();
    const lease = await attempt;
    lease.release();
    expect(lease.node).toBe('b');
    expect([a.loadCount, b.loadCount]).toEqual([0, 1]);
  });

  test('serves a model that the node has loaded with other settings', async () => {
    const neuron = new FakeNeuron({ models: [{ ...unloaded, status: 'loading' }] });
    under = await ControlUnderTest.started({
      neurons: { a: neuron },
      catalogue: [{ id: 'm', quant: 'Q8_0' }],
    });
    neuron.failPath('/models/load', { status: 409, code: 'conflict', message: 'quant differs' });
    const attempt = under.acquire();
    await neuron.call('/models/load');
    neuron.setModel({ id: 'm', status: 'loaded' });
    await under.pollAgain(FAST_POLL_MS);
    (await attempt).release();
    expect(neuron.count('/models/load')).toBe(1);
  });
});

describe('a load that fails', () => {
  test('rejects every waiting request with its reason, and the next request tries again', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const attempts = Array.from({ length: 5 }, () => refusal(under.acquire()));
    (await neuron.load()).fail(broken);
    const errors = await Promise.all(attempts);
    for (const error of errors) {
      expect(error).toMatchObject({
        code: 'model_load_failed',
        status: 422,
        message: 'm could not be loaded on a: m.gguf: no such file',
      });
    }
    expect(neuron.loadCount).toBe(1);

    // Only the node knows whether the file is present now.
    under.clock.advance(1);
    const attempt = under.acquire();
    (await neuron.load(2)).succeed();
    (await attempt).release();
  });

  test('for a transient reason is answered 503 with what is left of the back-off of the node', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const died = { status: 503, code: 'model_load_failed', message: 'died' };
    const first = refusal(under.acquire());
    (await neuron.load()).fail({ ...died, retryAfterS: 20 });
    const errors = [await first];
    under.clock.advance(8000);
    const second = refusal(under.acquire());
    (await neuron.load(2)).fail({ ...died, retryAfterS: 12 });
    errors.push(await second);

    expect(errors).toMatchObject([
      { code: 'model_load_failed', status: 503, retryAfterS: 20 },
      { code: 'model_load_failed', status: 503, retryAfterS: 12 },
    ]);
  });

  test('because its node was lost begins again for the waiting requests once the node answers', async () => {
    const big = { vram_used_mb: 8000 };
    const a = new FakeNeuron({ memoryMib: 10_000, models: [{ ...unloaded, ...big }] });
    const b = new FakeNeuron({
      memoryMib: 10_000,
      models: [
        { id: 'busy', ...big },
        { ...unloaded, ...big },
      ],
    });
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const busy = await under.acquire({ model: 'busy' });
    const attempt = under.acquire();
    const load = await a.load();
    await a.die();
    await under.until(({ nodes }) => nodes.get('a')?.misses === 1);
    // It starts again without the load.
    load.fail(broken);
    a.setModel(unloaded);
    a.revive();
    // Polls the node now, long before the end of a back-off.
    under.control.report({ kind: 'transport_failure', node: 'a', model: 'm' });

    (await a.load(2)).succeed();
    const lease = await attempt;
    expect(lease.node).toBe('a');
    lease.release();
    busy.release();
  });

  test('is logged once per minute while a client repeats its request, and at once for another reason', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const loadLines = () =>
      under.logged.flatMap(({ level, message }) =>
        message.includes('load') ? [`${level} ${message}`] : [],
      );
    let count = 0;
    const failOnce = async (reason: object = {}): Promise<void> => {
      under.clock.advance(1000);
      const attempt = refusal(under.acquire());
      count += 1;
      (await neuron.load(count)).fail({ ...broken, ...reason });
      await attempt;
    };

    for (let index = 0; index < 30; index += 1) await failOnce();
    const firstLines = loadLines();
    await failOnce({ message: 'm.gguf: unknown architecture' });
    const otherReason = loadLines().slice(firstLines.length);
    under.clock.advance(60_000);
    await failOnce({ message: 'm.gguf: unknown architecture' });
    const nextMinute = loadLines().slice(firstLines.length + otherReason.length);

    expect(firstLines).toEqual(['info loading', 'warn load failed']);
    expect(otherReason).toEqual(['warn load failed']);
    expect(nextMinute).toEqual(['info loading', 'warn load failed']);
  });

  test('is tried again on another node that can hold the model', async () => {
    const a = new FakeNeuron({ models: [unloaded] });
    const b = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const attempt = under.acquire();
    (await a.load()).fail(broken);
    (await b.load()).succeed();
    const lease = await attempt;
    lease.release();
    expect(lease).toMatchObject({ node: 'b', loadMs: 0 });
  });

  test('because its node disappeared ends when the node is down', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const attempt = refusal(under.acquire());
    await neuron.load();
    neuron.hang('/health');
    for (const count of [1, 2, 3]) {
      await under.clock.whenSet(FAST_POLL_MS);
      under.clock.advance(FAST_POLL_MS);
      await neuron.call('/health', 1 + count);
      under.clock.advance(5_000);
      await under.until(({ nodes }) => nodes.get('a')?.misses === count);
    }
    expect(await attempt).toMatchObject({ status: 503 });
  });

  test('although the node reported success is not repeated endlessly', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const attempt = refusal(under.acquire());
    const load = await neuron.load();
    load.succeed();
    neuron.setModel({ id: 'm', status: 'failed' });
    expect(await attempt).toMatchObject({ code: 'model_load_failed', status: 503 });
    expect(neuron.count('/models/load')).toBe(1);
  });
});

describe('a load that no request waits for', () => {
  test('is cancelled when the last waiting request leaves, without a trace', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const clients = [new AbortController(), new AbortController()];
    const attempts = clients.map(({ signal }) => refusal(under.acquire({}, signal)));
    const load = await neuron.load();
    clients[0]?.abort();
    expect(await attempts[0]).toMatchObject({ code: 'client_closed_request' });
    expect(load.waiters).toBe(1);
    clients[1]?.abort();
    await load.abandoned;
    expect(await attempts[1]).toMatchObject({ code: 'client_closed_request' });
    expect(under.control.waiting('m')).toBe(0);
    expect(under.control.inFlight('a')).toBe(0);
  });

  test('is joined by the next request', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const client = new AbortController();
    const left = refusal(under.acquire({}, client.signal));
    const load = await neuron.load();
    client.abort();
    await left;
    const attempt = under.acquire();
    await neuron.call('/models/load', 2);
    load.succeed();
    (await attempt).release();
    expect(neuron.loadCount).toBe(1);
  });

  test('continues if the operator started it', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    await under.control.loadModel({ model: 'm' }, new AbortController().signal);
    const load = await neuron.load();
    expect(load.request).toMatchObject({ model_id: 'm', detached: true });
    await under.clock.whenSet(FAST_POLL_MS);
    load.succeed();
    await under.pollAgain(FAST_POLL_MS);
    expect(under.statusOf('m')).toEqual(['a:loaded']);
  });
});

describe('waiting for a load', () => {
  test('ends after max_hold_s for a request that is not streamed, with the state of the load', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron }, config: { maxHoldS: 20 } });
    const attempt = refusal(under.acquire({ stream: false }));
    await neuron.load();
    under.clock.advance(20_000);
    expect(await attempt).toMatchObject({
      code: 'model_loading',
      status: 503,
      details: { loading: { state: 'loading', node: 'a' } },
    });
  });

  test('leaves the load to the client that is told to come back, until it is late', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({ neurons: { a: neuron }, config: { maxHoldS: 20 } });
    const first = refusal(under.acquire({ stream: false }));
    const load = await neuron.load();
    under.clock.advance(20_000);
    const error = await first;
    expect(error).toMatchObject({ code: 'model_loading', retryAfterS: 5 });

    under.clock.advance(10_000);
    const second = refusal(under.acquire({ stream: false }));
    expect(load.waiters).toBe(1);
    under.clock.advance(20_000);
    await second;
    expect(neuron.count('/models/load')).toBe(1);

    // 5 s of Retry-After, and 30 s more.
    under.clock.advance(35_000);
    await load.abandoned;
  });

  test('ends after max_wait_s for a stream, with load_timeout', async () => {
    const neuron = new FakeNeuron({ models: [unloaded] });
    under = await ControlUnderTest.started({
      neurons: { a: neuron },
      config: { maxHoldS: 20, maxWaitS: 60 },
    });
    const attempt = refusal(under.acquire({ stream: true }));
    await neuron.load();
    under.clock.advance(59_000);
    expect(under.control.waiting('m')).toBe(1);
    under.clock.advance(1_000);
    expect(await attempt).toMatchObject({ code: 'load_timeout', status: 504 });
  });
});
