import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest, refusal } from './control-under-test.ts';
import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});
const { signal } = new AbortController();

async function control(neurons: Readonly<Record<string, FakeNeuron>>): Promise<ControlUnderTest> {
  const under = await ControlUnderTest.started({ neurons });
  open.push(under);
  return under;
}

describe('a drain by the operator', () => {
  test('takes effect at once: the node gets no new request, and another one serves', async () => {
    const [a, b] = [
      new FakeNeuron({ models: [{ id: 'm' }] }),
      new FakeNeuron({ models: [{ id: 'm' }] }),
    ];
    const under = await control({ a, b });

    const result = await under.control.drainNode({ node: 'a', draining: true }, signal);

    const leases = await Promise.all([under.acquire(), under.acquire(), under.acquire()]);
    expect(result).toEqual({ node: 'a', draining: true });
    expect(leases.map(({ node }) => node)).toEqual(['b', 'b', 'b']);
  });

  test('places no load on the node', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    const under = await control({ a });
    await under.control.drainNode({ node: 'a', draining: true }, signal);

    expect(await refusal(under.acquire())).toMatchObject({
      code: 'no_capacity',
      message: expect.stringContaining('draining'),
    });
    expect(a.loadCount).toBe(0);
  });

  test('is undone by another call', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm' }] });
    const under = await control({ a });
    await under.control.drainNode({ node: 'a', draining: true }, signal);

    await under.control.drainNode({ node: 'a', draining: false }, signal);

    expect((await under.acquire()).node).toBe('a');
  });

  test('of an unknown node names the nodes that exist', async () => {
    const under = await control({ a: new FakeNeuron() });

    expect(
      await refusal(under.control.drainNode({ node: 'x', draining: true }, signal)),
    ).toMatchObject({
      code: 'invalid_request',
      message: 'There is no node x. Configured nodes: a.',
    });
  });
});

describe('freeing a node', () => {
  test('drains it for a time and unloads every model that it holds', async () => {
    const a = new FakeNeuron({
      models: [{ id: 'm' }, { id: 'n' }, { id: 'cold', status: 'unloaded' }],
    });
    const under = await control({ a });

    const result = await under.control.freeNode({ node: 'a', forS: 7200 }, signal);

    expect(result).toMatchObject({ node: 'a', draining: true, unloaded: ['m', 'n'], kept: [] });
    expect(JSON.parse((await a.call('/drain')).body)).toEqual({ draining: true, for_s: 7200 });
    expect(a.count('/models/unload')).toBe(2);
    expect(under.statusOf('m')).toEqual(['a:unloaded']);
  });

  test('unloads pinned models too, and names them', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm' }, { id: 'p', pinned: true }] });
    const under = await control({ a });

    const result = await under.control.freeNode({ node: 'a' }, signal);

    expect(result).toMatchObject({ unloaded: ['m', 'p'], pinned: ['p'], kept: [] });
  });

  test('names a model that could not be unloaded, and why', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm' }] });
    const under = await control({ a });
    a.failPath('/models/unload', { status: 409, code: 'conflict', message: 'it was loaded again' });

    const result = await under.control.freeNode({ node: 'a' }, signal);

    expect(result).toMatchObject({
      draining: true,
      unloaded: [],
      kept: [{ model: 'm', reason: 'it was loaded again' }],
    });
  });
});

describe('a pin by the operator', () => {
  test('is set on every node that has the model', async () => {
    const [a, b, c] = [
      new FakeNeuron({ models: [{ id: 'm' }] }),
      new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] }),
      new FakeNeuron(),
    ];
    const under = await control({ a, b, c });

    const results = await under.control.pinModel({ model: 'm', pinned: true }, signal);

    expect(results).toEqual([
      { node: 'a', pinned: true },
      { node: 'b', pinned: true },
    ]);
    expect(c.count('/models/m/pin')).toBe(0);
  });

  test('is set only on the node that is named', async () => {
    const [a, b] = [
      new FakeNeuron({ models: [{ id: 'm' }] }),
      new FakeNeuron({ models: [{ id: 'm' }] }),
    ];
    const under = await control({ a, b });

    await under.control.pinModel({ model: 'm', node: 'b', pinned: false }, signal);

    expect([a.count('/models/m/pin'), b.count('/models/m/pin')]).toEqual([0, 1]);
  });

  test('of an unknown model is model_not_found', async () => {
    const under = await control({ a: new FakeNeuron({ models: [{ id: 'm' }] }) });

    expect(
      await refusal(under.control.pinModel({ model: 'x', pinned: true }, signal)),
    ).toMatchObject({ code: 'model_not_found' });
  });
});

describe('the admin API', () => {
  async function gateway() {
    const neuron = new FakeNeuron({ models: [{ id: 'org/m' }] });
    const running = await GatewayUnderTest.start({ neurons: { 'node-1': neuron } });
    open.push(neuron, running);
    return { neuron, running };
  }

  test('pins, drains and frees, by the names in the configuration', async () => {
    const { running } = await gateway();

    const pin = await running.admin('/models/pin', { model: 'org/m' });
    const drain = await running.admin('/nodes/node-1/drain', { draining: true });
    const free = await running.admin('/nodes/node-1/free', { for_s: 60 });

    expect(await pin.json()).toEqual({
      results: [{ model: 'org/m', node: 'node-1', pinned: true }],
    });
    expect(await drain.json()).toEqual({ node: 'node-1', draining: true });
    expect(await free.json()).toMatchObject({ for_s: 60, unloaded: ['org/m'] });
  });

  test.each([
    ['/models/pin', { model: 'org/m', pinned: 'yes' }, 'pinned'],
    ['/nodes/node-1/drain', { draining: 1 }, 'draining'],
    ['/nodes/node-1/free', { for_s: -1 }, 'for_s'],
    ['/nodes/other/drain', { draining: true }, 'node'],
  ])('names the wrong member of POST %s %j', async (path, body, param) => {
    const { running } = await gateway();

    const answer = await running.admin(path, body);

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.param).toBe(param);
  });
});
