/** Many requests at once, and several gateways in front of the same nodes. */
import { afterEach, describe, expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest, FAST_POLL_MS, refusal } from './control-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function started(setup: Parameters<typeof ControlUnderTest.started>[0]) {
  const under = await ControlUnderTest.started(setup);
  open.push(under);
  return under;
}

const CROWD = 1000;

describe('a thousand simultaneous requests for one cold model', () => {
  /** How many were served, and the errors of the others. */
  async function crowd(maxWaiting: number) {
    const neuron = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    const under = await started({ neurons: { a: neuron }, config: { maxWaiting } });
    const errors: unknown[] = [];
    const attempts = Array.from({ length: CROWD }, async () => {
      try {
        const lease = await under.acquire();
        // Others get the slot after it.
        queueMicrotask(() => lease.release());
      } catch (error) {
        errors.push(error);
      }
    });
    (await neuron.load()).succeed();
    await Promise.all(attempts);
    return { neuron, under, errors };
  }

  test('are all served after exactly one load if as many may wait', async () => {
    const { neuron, under, errors } = await crowd(2000);

    expect(errors).toEqual([]);
    expect(neuron.loadCount).toBe(1);
    expect(under.control.inFlight('a')).toBe(0);
    expect(under.control.waiting('m')).toBe(0);
  });

  test('are refused with queue_full and the state of the load beyond max_waiting, and nothing else', async () => {
    const { neuron, errors } = await crowd(256);

    expect(errors).toHaveLength(CROWD - 256);
    for (const error of errors) {
      expect(error).toBeInstanceOf(CortexError);
      expect(error).toMatchObject({ code: 'queue_full', status: 503 });
    }
    expect(neuron.loadCount).toBe(1);
  });

  test('are told beyond max_waiting how far the load is, and to come back when it ends', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    const under = await started({ neurons: { a: neuron }, config: { maxWaiting: 1 } });
    const waiting = under.acquire();
    const load = await neuron.load();
    load.progress = 0.25;
    await under.pollAgain(FAST_POLL_MS);
    under.clock.advance(9000);

    const refused = Array.from({ length: 100 }, () => refusal(under.acquire()));

    for (const error of await Promise.all(refused)) {
      expect(error).toMatchObject({
        code: 'queue_full',
        message: '1 requests are already waiting for m, which is loading on a.',
        retryAfterS: 30,
        details: { loading: { state: 'loading', node: 'a', progress: 0.25, eta_s: 30 } },
      });
    }
    load.succeed();
    (await waiting).release();
  });
});

describe('two gateways in front of the same node', () => {
  test('load a cold model once', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    const one = await started({ neurons: { a: neuron } });
    const two = await started({ neurons: { a: neuron } });

    const attempts = [one.acquire(), two.acquire()];
    await neuron.call('/models/load', 2);
    (await neuron.load()).succeed();
    for (const lease of await Promise.all(attempts)) lease.release();

    expect(neuron.loadCount).toBe(1);
  });

  test('do not unload a model that the other one uses', async () => {
    const neuron = new FakeNeuron({
      memoryMib: 10_000,
      models: [
        { id: 'used', vram_used_mb: 8000 },
        { id: 'wanted', vram_used_mb: 8000, status: 'unloaded' },
      ],
    });
    const one = await started({ neurons: { a: neuron } });
    const two = await started({ neurons: { a: neuron } });
    // It runs on the node, but the second gateway does not know of it yet.
    const lease = await one.acquire({ model: 'used' });
    const body = new TextEncoder().encode('{"model":"used"}');
    const path = '/v1/chat/completions';
    const running = lease.send(
      { method: 'POST', path, headers: {}, body },
      { connection: 'any', onCancel: () => undefined },
    );
    const exchange = await neuron.exchange();

    const client = new AbortController();
    const attempt = refusal(two.acquire({ model: 'wanted' }, client.signal));
    await neuron.call('/models/unload');
    await two.until(({ replicasByModel }) => replicasByModel.get('used')?.[0]?.isReady === true);

    expect(neuron.loadCount).toBe(0);
    expect(two.control.waiting('wanted')).toBe(1);
    client.abort();
    await attempt;
    exchange.json({ ok: true });
    expect((await running).status).toBe(200);
    lease.release();
  });

  test('send a conversation to the same node', async () => {
    const neurons = Object.fromEntries(
      ['a', 'b', 'c'].map((name) => [name, new FakeNeuron({ models: [{ id: 'm' }] })]),
    );
    const one = await started({ neurons });
    const two = await started({ neurons });
    for (let talk = 0; talk < 20; talk += 1) {
      const affinityKey = (): string => `talk ${talk}`;
      const leases = [await one.acquire({ affinityKey }), await two.acquire({ affinityKey })];
      expect(leases[0]?.node).toBe(leases[1]?.node ?? '');
      for (const lease of leases) lease.release();
    }
  });
});
