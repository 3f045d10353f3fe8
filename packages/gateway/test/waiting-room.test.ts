import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import type { Lease } from '../src/control/control.ts';
import { ControlUnderTest, FAST_POLL_MS, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());

const small = { id: 'm', load: { max_in_flight: 1, max_queue_depth: 1 } };

/** A control with one node whose two slots are taken. */
async function full(config = {}): Promise<{ neuron: FakeNeuron; held: readonly Lease[] }> {
  const neuron = new FakeNeuron({ models: [small] });
  under = await ControlUnderTest.started({ neurons: { a: neuron }, config });
  return { neuron, held: [await under.acquire(), await under.acquire()] };
}

describe('the waiting room', () => {
  test('admits requests in the order of arrival, one per free slot', async () => {
    const { held } = await full();
    const order: string[] = [];
    const waiting = ['one', 'two', 'three'].map(async (requestId) => {
      const lease = await under.acquire({ requestId });
      order.push(requestId);
      return lease;
    });
    expect(under.control.waiting('m')).toBe(3);
    under.clock.advance(40);
    held[0]?.release();
    const first = await waiting[0];
    expect(order).toEqual(['one']);
    expect(first).toMatchObject({ queueMs: 40, loadMs: undefined });
    held[1]?.release();
    await waiting[1];
    first?.release();
    await waiting[2];
    expect(order).toEqual(['one', 'two', 'three']);
  });

  test('keeps the position of a request that returns after a failed attempt', async () => {
    const { held } = await full();
    const arrivedMs = under.clock.nowMs();
    under.clock.advance(10);
    const order: string[] = [];
    const enter = async (requestId: string, overrides = {}) => {
      await under.acquire({ requestId, ...overrides });
      order.push(requestId);
    };
    const later = enter('later');
    const returned = enter('returned', { arrivedMs });
    held[0]?.release();
    await returned;
    held[1]?.release();
    await later;
    expect(order).toEqual(['returned', 'later']);
  });

  test('does not let requests overtake one that needs more slots than are free', async () => {
    const neuron = new FakeNeuron({
      models: [{ id: 'm', load: { max_in_flight: 2, max_queue_depth: 0 } }],
    });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const held = await under.acquire();
    const two = under.acquire({ weight: 2 });
    const one = under.acquire();
    expect(under.control.waiting('m')).toBe(2);
    held.release();
    (await two).release();
    (await one).release();
    expect(under.control.inFlight('a')).toBe(0);
  });

  test('rejects requests beyond max_waiting', async () => {
    const { held } = await full({ maxWaiting: 1 });
    const waiting = under.acquire();
    expect(await refusal(under.acquire())).toMatchObject({ code: 'queue_full', status: 503 });
    held[0]?.release();
    (await waiting).release();
  });

  test('rejects after max_hold_s, and streams after max_wait_s', async () => {
    await full({ maxHoldS: 10, maxWaitS: 30 });
    const held = refusal(under.acquire({ stream: false }));
    const stream = refusal(under.acquire({ stream: true }));
    under.clock.advance(10_000);
    expect(await held).toMatchObject({ code: 'queue_full' });
    expect(under.control.waiting('m')).toBe(1);
    under.clock.advance(20_000);
    expect(await stream).toMatchObject({ code: 'queue_full', status: 503 });
    expect(under.control.waiting('m')).toBe(0);
  });

  test('frees position, timer and listener of a request that leaves', async () => {
    const { held } = await full();
    const timers = under.clock.pendingTimers;
    const client = new AbortController();
    const left = refusal(under.acquire({}, client.signal));
    const behind = under.acquire();
    client.abort();
    expect(await left).toMatchObject({ code: 'client_closed_request' });
    expect(under.control.waiting('m')).toBe(1);
    held[0]?.release();
    (await behind).release();
    expect(under.clock.pendingTimers).toBe(timers);
  });

  test('ignores the second release of a lease', async () => {
    const { held } = await full();
    held[0]?.release();
    held[0]?.release();
    expect(under.control.inFlight('a', 'm')).toBe(1);
  });

  test('notices within a second a slot that other clients of the node have freed', async () => {
    const neuron = new FakeNeuron({
      models: [{ id: 'm', load: { max_in_flight: 1, max_queue_depth: 0, in_flight: 1 } }],
    });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const waiting = under.acquire();
    neuron.setModel({ id: 'm', load: { in_flight: 0 } });
    await under.pollAgain(FAST_POLL_MS);
    (await waiting).release();
  });

  test('sends nothing to a node that refused with queue_full until its next report', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    (await under.acquire()).release();
    under.control.report({ kind: 'queue_full', node: 'a', model: 'm' });
    const waiting = under.acquire();
    expect(under.control.waiting('m')).toBe(1);
    await under.pollAgain(FAST_POLL_MS);
    (await waiting).release();
  });

  test('lets a request for one node wait without delaying others', async () => {
    const a = new FakeNeuron({ models: [small] });
    const b = new FakeNeuron({ models: [small] });
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const held = [await under.acquire({ node: 'a' }), await under.acquire({ node: 'a' })];
    const onA = under.acquire({ node: 'a' });
    const anywhere = await under.acquire();
    expect(anywhere.node).toBe('b');
    expect(under.control.waiting('m')).toBe(1);
    held[0]?.release();
    expect((await onA).node).toBe('a');
  });

  test('rejects waiting requests at once when the model goes into recovery', async () => {
    await full();
    const waiting = refusal(under.acquire());
    under.control.report({ kind: 'node_recovering', node: 'a', model: 'm' });
    expect(await waiting).toMatchObject({ code: 'node_recovering', status: 503, retryAfterS: 2 });
  });

  test('refuses an "n" larger than the number of slots', async () => {
    await full();
    expect(await refusal(under.acquire({ weight: 2 }))).toMatchObject({
      code: 'invalid_request',
      details: { param: 'n' },
    });
  });

  test('rejects all waiting requests with shutting_down on close, and leaves no timer', async () => {
    await full();
    const waiting = refusal(under.acquire());
    await under.control.close();
    expect(await waiting).toMatchObject({ code: 'shutting_down', status: 503 });
    expect(await refusal(under.acquire())).toMatchObject({ code: 'shutting_down' });
    expect(under.control.waiting('m')).toBe(0);
    expect(under.clock.pendingTimers).toBe(0);
  });
});
