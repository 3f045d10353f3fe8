/** A host that sleeps, and the packets that wake it. */
import { afterEach, describe, expect, test } from 'bun:test';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

import { AdminNodes } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import type { ControlConfig } from '../src/control/control.ts';
import { ControlUnderTest, refusal } from './control-under-test.ts';
import { GatewayUnderTest } from './gateway-under-test.ts';

const MAC = '00:1a:2b:3c:4d:5e';
const WAKE_MS = 90_000;
const WAKE_POLL_MS = 2000;

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

/** Takes the packets that wake a host, on a port of its own. */
async function packets() {
  const socket = createSocket('udp4');
  open.push(socket);
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const received: Buffer[] = [];
  socket.on('message', (packet) => received.push(packet));
  const next = async (count: number): Promise<void> => {
    while (received.length < count) await once(socket, 'message');
  };
  return { port: socket.address().port, received, next };
}

/** The only node can be woken, and does not answer. */
async function asleep() {
  const { port, ...woken } = await packets();
  const tower = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
  const wake = { mac: MAC, broadcast: '127.0.0.1', port };
  const node = { name: 'tower', endpoint: tower.url, expectedOffline: true, wakeMs: WAKE_MS, wake };
  const config: Partial<ControlConfig> = { nodes: [node], failuresBeforeDown: 1 };
  const under = await ControlUnderTest.started({
    neurons: { tower },
    catalogue: [{ id: 'm', vramMb: 1000 }],
    config,
  });
  open.push(under);
  await tower.die();
  under.control.report({ kind: 'transport_failure', node: 'tower', model: 'm' });
  await under.until(({ nodes }) => nodes.get('tower')?.state === 'down');
  return { under, tower, woken };
}

describe('a host that sleeps', () => {
  test('is woken for a load by the operator, which waits for it', async () => {
    const { under, tower, woken } = await asleep();
    expect(under.control.sleep('tower')).toBe('asleep');

    const call = under.control.loadModel({ model: 'm' }, new AbortController().signal);
    await woken.next(1);
    expect(under.control.sleep('tower')).toBe('waking');
    tower.revive();
    await under.clock.whenSet(WAKE_POLL_MS);
    under.clock.advance(WAKE_POLL_MS);

    expect(await call).toEqual({ node: 'tower', status: 'loading' });
    expect(under.control.sleep('tower')).toBeUndefined();
    (await tower.load()).succeed();
  });

  test('is refused to the operator if it does not come up in its time', async () => {
    const { under, woken } = await asleep();

    const call = refusal(under.control.loadModel({ model: 'm' }, new AbortController().signal));
    await woken.next(1);
    under.clock.advance(WAKE_MS);

    expect(await call).toMatchObject({ code: 'no_healthy_node', status: 503 });
  });

  test('gets the packet again with every poll until it answers', async () => {
    const { under, woken } = await asleep();
    const client = new AbortController();
    const attempt = refusal(under.acquire({}, client.signal));
    for (let count = 1; count <= 3; count += 1) {
      await woken.next(count);
      await under.clock.whenSet(WAKE_POLL_MS);
      under.clock.advance(WAKE_POLL_MS);
    }
    await woken.next(4);

    const address = MAC.replaceAll(':', '');
    expect(woken.received[3]?.toString('hex')).toBe(`ffffffffffff${address.repeat(16)}`);
    client.abort();
    await attempt;
  });
});

describe('a request for a model whose only host sleeps', () => {
  test('is told after max_hold_s which host is being woken, and for how long at most', async () => {
    const { port } = await packets();
    const tower = new FakeNeuron();
    const wake = `{ mac = "${MAC}", broadcast = "127.0.0.1", port = ${port}, timeout_s = 50 }`;
    const gateway = await GatewayUnderTest.start({
      toml: `[queue]\nmax_hold_s = 0.3\n[[neurons]]\nname = "tower"\nendpoint = "${tower.url}"\nwake = ${wake}\n`,
      modelsToml: '[[models]]\nid = "m"\nvram_mb = 1000\n',
      settled: false,
    });
    open.push(gateway);
    await tower.close();
    gateway.running.control.report({ kind: 'transport_failure', node: 'tower', model: 'm' });
    await gateway.untilKnown(({ pendingNodes }) => pendingNodes === 0);

    const answer = await gateway.chat({ model: 'm' });
    const { error } = await answer.json();
    const { nodes } = AdminNodes.parse(await (await gateway.admin('/nodes')).json());

    expect([answer.status, error.code]).toEqual([503, 'model_loading']);
    expect(error.message).toBe('m is still waiting for tower to wake up.');
    expect(error.loading).toEqual({ state: 'waking', node: 'tower', eta_s: 50 });
    expect(Number(answer.headers.get('retry-after'))).toBe(50);
    expect(nodes[0]?.sleep).toBe('waking');
  });
});
