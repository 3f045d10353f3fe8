import { afterEach, describe, expect, test } from 'bun:test';

import { fleetHealth } from '@cortex/fleet';
import { FakeNeuron } from '@cortex/testkit';

import { CONNECT_MS, ControlUnderTest, POLL_MS, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());

const stateOf = (name: string) => under.control.snapshot().nodes.get(name)?.state;
const misses = (name: string, count: number) =>
  under.until(({ nodes }) => nodes.get(name)?.misses === count);

const missesOf = (name: string) => under.control.snapshot().nodes.get(name)?.misses;

describe('a node', () => {
  test('is down after three missed polls in a row, and up with its models after one answer', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    await neuron.die();

    await under.pollAgain();
    expect(missesOf('a')).toBe(1);
    await under.pollAgain();
    expect(missesOf('a')).toBe(2);
    expect(stateOf('a')).toBe('up');
    await under.pollAgain();
    expect(missesOf('a')).toBe(3);
    expect(stateOf('a')).toBe('down');
    expect(await refusal(under.acquire())).toMatchObject({
      code: 'no_healthy_node',
      status: 503,
      retryAfterS: 3,
    });

    neuron.revive();
    await under.pollAgain();
    expect(stateOf('a')).toBe('up');
    (await under.acquire()).release();
  });

  test('has no missed polls after an answer', async () => {
    const neuron = new FakeNeuron();
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    neuron.failPath('/health', { status: 500, code: 'internal_error', message: 'x' });
    await under.pollAgain();
    expect(missesOf('a')).toBe(1);
    await under.pollAgain();
    expect(missesOf('a')).toBe(2);
    neuron.heal('/health');
    await under.pollAgain();
    expect(missesOf('a')).toBe(0);
    neuron.failPath('/models', { status: 500, code: 'internal_error', message: 'x' });
    await under.pollAgain();
    expect(missesOf('a')).toBe(1);
    await under.pollAgain();
    expect(missesOf('a')).toBe(2);
    expect(stateOf('a')).toBe('up');
  });

  test('is polled at once after failed requests, which do not take it down earlier', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    neuron.failPath('/health', { status: 500, code: 'internal_error', message: 'x' });
    for (const nth of [2, 3, 4, 5]) {
      under.control.report({ kind: 'transport_failure', node: 'a', model: 'm' });
      await neuron.call('/models', nth);
      await under.clock.whenSet(POLL_MS);
    }
    expect(missesOf('a')).toBe(1);
    expect(stateOf('a')).toBe('up');
  });

  test('is not healthy before its first answer, and has a reason', async () => {
    const neuron = new FakeNeuron();
    await neuron.die();
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    expect(stateOf('a')).toBe('unknown');
    expect(under.control.snapshot().nodes.get('a')?.error).toContain('could not be reached');
    expect(fleetHealth(under.control.snapshot())).toEqual({
      status: 'degraded',
      nodes: { healthy: 0, total: 1 },
    });
  });

  test('does not affect the polls and requests of other nodes while it hangs', async () => {
    const hung = new FakeNeuron({ models: [{ id: 'm' }] });
    const fine = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { fine, hung } });
    await under.clock.whenSet(POLL_MS, 2);
    hung.hang();
    under.clock.advance(POLL_MS);
    await hung.call('/health', 2);
    await fine.call('/models', 2);

    fine.setModel({ id: 'n' });
    await under.clock.whenSet(POLL_MS);
    expect(under.control.snapshot().nodes.get('hung')?.misses).toBe(0);
    const lease = await under.acquire({ tried: ['hung'] });
    expect(lease.node).toBe('fine');
    lease.release();

    under.clock.advance(CONNECT_MS);
    await misses('hung', 1);
    expect(under.control.snapshot().nodes.get('hung')?.error).toContain('within 5 s');
    under.clock.advance(CONNECT_MS);
    await under.until(({ replicasByModel }) => replicasByModel.has('n'));
  });

  test('can stop reporting a model, which leaves the fleet, and report it again', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    neuron.removeModel('m');
    await under.pollAgain();
    expect(under.statusOf('m')).toEqual([]);
    expect(await refusal(under.acquire())).toMatchObject({ code: 'model_not_found' });

    neuron.setModel({ id: 'm' });
    await under.pollAgain();
    (await under.acquire()).release();
  });

  test('misses a poll with an answer in an unknown format, and the error names node and field', async () => {
    const neuron = new FakeNeuron();
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    neuron.setModel({ id: 'm', load: { in_flight: 0.5 } });
    await under.pollAgain();
    expect(missesOf('a')).toBe(1);
    const error = under.control.snapshot().nodes.get('a')?.error;
    expect(error).toContain('a (/health)');
    expect(error).toContain('models.0.in_flight');
  });

  test('is asked for its discovery at first contact, at reconnect and every ten minutes', async () => {
    const neuron = new FakeNeuron();
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const counts = [neuron.count('/discovery')];
    await under.pollAgain();
    counts.push(neuron.count('/discovery'));
    neuron.failPath('/health', { status: 500, code: 'internal_error', message: 'x' });
    await under.pollAgain();
    neuron.heal('/health');
    await under.pollAgain();
    counts.push(neuron.count('/discovery'));
    await under.pollAgain();
    counts.push(neuron.count('/discovery'));
    for (let passedMs = 0; passedMs < 600_000; passedMs += POLL_MS) await under.pollAgain();
    counts.push(neuron.count('/discovery'));
    expect(counts).toEqual([1, 1, 2, 2, 3]);
  });

  test('is polled with its token, and misses polls with a wrong token, which the error names', async () => {
    const neuron = new FakeNeuron({ token: 'secret' });
    under = await ControlUnderTest.started({
      neurons: { a: neuron },
      config: { nodes: [{ name: 'a', endpoint: neuron.url, token: 'secret' }] },
    });
    expect(stateOf('a')).toBe('up');
    await under.control.close();
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    expect(stateOf('a')).toBe('unknown');
    expect(under.control.snapshot().nodes.get('a')?.error).toStartWith(
      'Node a requires a node token',
    );
  });

  test('is asked for the endpoint path of a model once per load', async () => {
    const neuron = new FakeNeuron({
      models: [{ id: 'org/m' }],
      endpointUrl: 'http://localhost:9999/engines/a/',
    });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    await under.clock.whenSet(POLL_MS);
    const [replica] = under.control.snapshot().replicasByModel.get('org/m') ?? [];
    expect(replica?.basePath).toBe('/engines/a');
    await under.pollAgain();
    expect(neuron.count('/models/org%2Fm/endpoint')).toBe(1);
  });
});

describe('before the first contact with a node', () => {
  test('a request for an unknown model waits', async () => {
    const slow = new FakeNeuron({ models: [{ id: 'm' }] });
    const other = new FakeNeuron();
    slow.hang();
    under = new ControlUnderTest({ neurons: { other, slow } });
    under.control.start();
    await under.until(({ nodes }) => nodes.get('other')?.state === 'up');
    const waiting = under.acquire();
    expect(under.control.waiting('m')).toBe(1);
    slow.resume();
    const lease = await waiting;
    lease.release();
    expect(lease.node).toBe('slow');
    expect(under.control.waiting('m')).toBe(0);
  });

  test('a request waits only until the first missed poll', async () => {
    const slow = new FakeNeuron({ models: [{ id: 'm' }] });
    slow.hang();
    const other = new FakeNeuron();
    under = new ControlUnderTest({ neurons: { other, slow } });
    under.control.start();
    await under.until(({ nodes }) => nodes.get('other')?.state === 'up');
    const waiting = refusal(under.acquire());
    const resolving = under.control.resolveSettled('mm', new AbortController().signal);
    await slow.call('/health');
    under.clock.advance(CONNECT_MS);
    expect(await waiting).toMatchObject({ code: 'model_not_found' });
    expect(await resolving).toMatchObject({ kind: 'unknown' });
  });
});
