import { afterEach, describe, expect, test } from 'bun:test';

import { listAdminNodes, listModels } from '@cortex/fleet';
import { FakeClock, FakeNeuron } from '@cortex/testkit';

import { WORDS } from '../src/control/words.ts';
import { GatewayUnderTest } from './gateway-under-test.ts';
import { configOf, ControlUnderTest, POLL_MS, refusal } from './control-under-test.ts';

let under: ControlUnderTest | undefined;
const others: FakeNeuron[] = [];
afterEach(async () => {
  await under?.close();
  await Promise.all(others.splice(0).map((neuron) => neuron.close()));
});

const settings = (neurons: Readonly<Record<string, FakeNeuron>>) => ({
  config: configOf(neurons),
  catalogue: [],
  aliases: [],
});

describe('a node that is removed from the configuration', () => {
  test('leaves no model, lease or poll, and its stream can finish', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm' }] });
    const b = new FakeNeuron({ models: [{ id: 'n' }] });
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const lease = await under.acquire();
    expect(under.control.inFlight('a')).toBe(1);

    under.control.reconfigure(settings({ b }));
    const { control } = under;
    expect(control.inFlight('a')).toBe(0);
    expect(
      listAdminNodes(control.snapshot(), { activity: control, words: WORDS }).map(
        ({ name }) => name,
      ),
    ).toEqual(['b']);
    expect(
      listModels(control.snapshot(), { createdS: 1, words: WORDS, fits: () => false }).map(
        ({ id }) => id,
      ),
    ).toEqual(['n']);
    lease.release();
    expect(control.inFlight('a')).toBe(0);
    const polls = a.count('/health');
    await under.clock.whenSet(POLL_MS);
    under.clock.advance(POLL_MS);
    await b.call('/models', 2);
    expect(a.count('/health')).toBe(polls);
  });

  test('rejects requests that wait for its load', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    const b = new FakeNeuron();
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const waiting = refusal(under.acquire());
    await a.load();
    under.control.reconfigure(settings({ b }));
    expect(await waiting).toMatchObject({ code: 'model_not_found' });
  });
});

test('a configuration that comes after the end adds no node', async () => {
  const b = new FakeNeuron();
  others.push(b);
  under = await ControlUnderTest.started({ neurons: {} });

  await under.control.close();
  under.control.reconfigure(settings({ b }));

  expect([...under.control.snapshot().nodes.keys()]).toEqual([]);
});

describe('requests on a node that is removed from the configuration', () => {
  test.each([true, false])('finish and appear in no view (streamed: %p)', async (stream) => {
    const removed = new FakeNeuron({ models: [{ id: 'm' }] });
    others.push(removed);
    const clock = new FakeClock();
    const gateway = await GatewayUnderTest.start({ neurons: { removed }, clock });
    try {
      const { control } = gateway.running;
      const answer = gateway.chat({ model: 'm', stream });
      const exchange = await removed.exchange();
      if (stream) exchange.stream().token('a');
      control.reconfigure(settings({}));
      // The nodes of unanswered requests are checked every second.
      clock.advance(10_000);
      expect(control.inFlight('removed')).toBe(0);
      expect(await (await gateway.get('/v1/models')).json()).toMatchObject({ data: [] });
      if (stream) exchange.token('b').finish();
      else exchange.json({ ok: true });

      const response = await answer;
      expect(response.status).toBe(200);
      expect(await response.text()).toContain(stream ? '"b"' : '"ok":true');
      expect(await gateway.record(2)).toMatchObject({ outcome: 'ok', node: 'removed' });
    } finally {
      await gateway.close();
    }
  });
});

describe('a node whose token changes', () => {
  test('gets the new token with all later calls and requests, and keeps its state', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    others.push(neuron);
    const gateway = await GatewayUnderTest.start({ neurons: { a: neuron } });
    const withToken = (token: string) => ({
      ...settings({}),
      config: { ...configOf({}), nodes: [{ name: 'a', endpoint: neuron.url, token }] },
    });
    try {
      const { control } = gateway.running;
      const running = gateway.chat({ model: 'm' });
      const old = await neuron.exchange();
      const polls = neuron.count('/health');
      control.reconfigure(withToken('fresh'));

      expect(control.snapshot().nodes.get('a')?.state).toBe('up');
      expect(control.inFlight('a')).toBe(1);
      const answer = gateway.chat({ model: 'm' });
      const exchange = await neuron.exchange(2);
      const poll = await neuron.call('/health', polls + 1);
      old.json({ ok: true });
      exchange.json({ ok: true });

      expect(old.headers.get('authorization')).toBeNull();
      expect(exchange.headers.get('authorization')).toBe('Bearer fresh');
      expect(poll.headers.get('authorization')).toBe('Bearer fresh');
      expect((await running).status).toBe(200);
      expect((await answer).status).toBe(200);
    } finally {
      await gateway.close();
    }
  });
});

describe('another machine with the name of an old node', () => {
  test('does not inherit models or leases', async () => {
    const old = new FakeNeuron({ models: [{ id: 'm' }] });
    const fresh = new FakeNeuron({ models: [{ id: 'n' }] });
    others.push(fresh);
    under = await ControlUnderTest.started({ neurons: { a: old } });
    const lease = await under.acquire();
    under.control.reconfigure(settings({ a: fresh }));
    await under.until(({ nodes }) => nodes.get('a')?.state === 'up');
    expect(under.statusOf('m')).toEqual([]);
    expect(under.statusOf('n')).toEqual(['a:loaded']);
    const other = await under.acquire({ model: 'n' });
    lease.release();
    expect(under.control.inFlight('a')).toBe(1);
    other.release();
    expect(under.control.inFlight('a')).toBe(0);
  });
});
