/** `GET /admin/v1/events`: the fleet and its changes, in order. */
import { afterEach, describe, expect, test } from 'bun:test';
import { connect, type Socket } from 'node:net';

import {
  type AdminEvent,
  AdminFleet,
  applyAdminEvent,
  parseAdminEvent,
  readNumberedEvents,
} from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function start() {
  const beast = new FakeNeuron({ memoryMib: 20_000, models: [{ id: 'chat' }, { id: 'coder' }] });
  const laptop = new FakeNeuron({ memoryMib: 8000, models: [] });
  open.push(beast, laptop);
  const gateway = await GatewayUnderTest.start({
    neurons: { beast, laptop },
    toml: '[control]\npoll_interval_s = 0.1\n',
    modelsToml: '[[models]]\nid = "chat"\n',
  });
  open.push(gateway);
  return { beast, laptop, gateway };
}

/** Reads the events of a gateway one by one. The first is the snapshot. */
async function follow(gateway: GatewayUnderTest) {
  const response = await gateway.admin('/events');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  if (response.body === null) throw new Error('no body');
  const batches = readNumberedEvents(response.body, parseAdminEvent);
  const events: AdminEvent[] = [];
  let fleet: AdminFleet | undefined;
  let read = 0;
  /** The next event of the kind for which `holds`; undefined at the end of the stream. */
  async function until<K extends AdminEvent['kind']>(
    kind: K,
    holds: (event: Extract<AdminEvent, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<AdminEvent, { kind: K }> | undefined> {
    for (;;) {
      for (const event of events.slice(read)) {
        read += 1;
        fleet = applyAdminEvent(fleet, event);
        if (isKind(event, kind) && holds(event)) return event;
      }
      const batch = await batches.next();
      if (batch.done) return undefined;
      for (const event of batch.value) if (event.kind !== 'unknown') events.push(event);
    }
  }
  const snapshot = await until('snapshot');
  return { events, until, snapshot, fleet: () => fleet };
}

const isKind = <K extends AdminEvent['kind']>(
  event: AdminEvent,
  kind: K,
): event is Extract<AdminEvent, { kind: K }> => event.kind === kind;

const fleetOf = async (gateway: GatewayUnderTest): Promise<AdminFleet> =>
  AdminFleet.parse(await (await gateway.admin('/fleet')).json());

describe('GET /admin/v1/events', () => {
  test('begins with the fleet as GET /admin/v1/fleet shows it', async () => {
    const { gateway } = await start();

    const { snapshot, fleet } = await follow(gateway);

    expect(snapshot?.models.map(({ id }) => id)).toEqual(['chat', 'coder']);
    const now = await fleetOf(gateway);
    expect(fleet()?.nodes.map(({ name }) => name)).toEqual(now.nodes.map(({ name }) => name));
    expect(fleet()?.health).toEqual(now.health);
  });

  test('tells every change of a model in order, with revisions that increase by one', async () => {
    const { beast, gateway } = await start();
    const { events, until } = await follow(gateway);

    beast.setModel({ id: 'coder', status: 'draining' });
    await until('model', ({ model }) => model.id === 'coder' && model.status === 'draining');
    beast.setModel({ id: 'new', status: 'loading', progress: 0.5 });
    const added = await until('model', ({ model }) => model.id === 'new');
    beast.removeModel('coder');
    const gone = await until('model_gone');

    expect(added?.model.replicas).toMatchObject([{ node: 'beast', model: { progress: 0.5 } }]);
    expect(gone?.id).toBe('coder');
    const [first = 0] = events.map(({ revision }) => revision);
    expect(events.map(({ revision }) => revision)).toEqual(events.map((_, index) => first + index));
  });

  test('tells that a node is down, with its models and the health of the fleet', async () => {
    const { beast, gateway } = await start();
    const { until, fleet } = await follow(gateway);

    await beast.close();
    const down = await until('node', ({ node }) => node.state === 'down');
    await until('health', ({ health }) => health.status === 'degraded');

    expect(down?.node).toMatchObject({ name: 'beast', models: [] });
    expect(down?.node.error).toContain('beast');
    expect(fleet()?.models.map(({ id, replicas }) => [id, replicas.length])).toEqual([['chat', 0]]);
  });

  test('gives a view that equals that of GET /admin/v1/fleet after many changes', async () => {
    const { beast, laptop, gateway } = await start();
    const { until, fleet } = await follow(gateway);

    for (let index = 0; index < 20; index += 1) {
      beast.setModel({ id: `model-${index % 7}`, status: index % 2 === 0 ? 'loaded' : 'loading' });
      if (index % 5 === 0) beast.removeModel(`model-${(index + 3) % 7}`);
      await beast.call('/models', beast.count('/models') + 1);
    }
    laptop.setModel({ id: 'last' });
    await until('model', ({ model }) => model.id === 'last');

    const lasting = ({ models }: AdminFleet) =>
      models.map(({ id, status, aliases, replicas }) => ({
        id,
        status,
        aliases,
        on: replicas.map(({ node, model }) => `${node} ${model.status}`),
      }));
    const [followed, asked] = [fleet(), await fleetOf(gateway)];
    expect(followed && lasting(followed)).toEqual(lasting(asked));
  });

  test('shows running requests within about a second', async () => {
    const { beast, gateway } = await start();
    const { until } = await follow(gateway);

    const answer = gateway.chat({ model: 'chat', messages: [] });
    const exchange = await beast.exchange();
    const busy = await until('model', ({ model }) => model.replicas[0]?.in_flight === 1);
    exchange.json({ ok: true });
    await (await answer).text();
    await until('node', ({ node }) => node.name === 'beast' && node.in_flight === 0);

    expect(busy?.model.id).toBe('chat');
  });

  test('gives a fresh snapshot with a higher revision to a reader that comes again', async () => {
    const { beast, gateway } = await start();
    const first = await follow(gateway);
    beast.setModel({ id: 'new' });
    await first.until('model', ({ model }) => model.id === 'new');

    const again = await follow(gateway);

    expect(again.snapshot?.models.map(({ id }) => id)).toContain('new');
    expect(again.snapshot?.revision).toBeGreaterThan(first.snapshot?.revision ?? Infinity);
  });

  test('tells a change of the configuration', async () => {
    const { gateway } = await start();
    const { until } = await follow(gateway);

    await Bun.write(
      gateway.file('models.toml'),
      '[[models]]\nid = "other"\n[aliases]\nfast = "coder"\n',
    );
    gateway.running.reload();

    const aliased = await until('model', ({ model }) => model.aliases.includes('fast'));
    const other = await until('model', ({ model }) => model.id === 'other');
    expect(aliased?.model.id).toBe('coder');
    expect(other?.model).toMatchObject({ catalogued: true, replicas: [] });
  });

  test('ends cleanly when the gateway shuts down', async () => {
    const { gateway } = await start();
    const { until } = await follow(gateway);
    const end = until('model_gone');

    await gateway.running.close(0);

    expect(await end).toBeUndefined();
  });

  test('answers HEAD without following anything', async () => {
    const { gateway } = await start();

    const response = await gateway.get('/admin/v1/events', {
      method: 'HEAD',
      headers: { authorization: `Bearer ${gateway.adminKey}` },
    });

    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  test('needs the admin key', async () => {
    const { gateway } = await start();

    const response = await gateway.get('/admin/v1/events');

    expect(response.status).toBe(401);
  });
});

/** A client that asks for events and then reads nothing. */
function silentReader(gateway: GatewayUnderTest): Promise<Socket> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.pause();
      const head = `GET /admin/v1/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${gateway.adminKey}\r\n\r\n`;
      socket.write(head, () => resolve(socket));
    });
  });
}

test('a client that does not read its events is disconnected, and the others get all of them', async () => {
  const { beast, gateway } = await start();
  const { until } = await follow(gateway);
  const socket = await silentReader(gateway);
  const closed = new Promise((resolve) => socket.once('close', resolve));

  // Together they are more than the buffers of both sockets hold.
  const reason = 'x'.repeat(1_000_000);
  for (let change = 1; change <= 30; change += 1) {
    beast.setModel({ id: 'coder', status: 'failed', reason: `${change} ${reason}` });
    gateway.running.control.report({ kind: 'transport_failure', node: 'beast', model: 'coder' });
    await until('model', ({ model }) => model.reason?.startsWith(`${change} `) === true);
  }
  socket.resume();
  await closed;

  beast.setModel({ id: 'last' });
  expect(await until('model', ({ model }) => model.id === 'last')).toBeDefined();
}, 60_000);

describe('GET /admin/v1/fleet', () => {
  test('has the health, the nodes and the models of the separate views', async () => {
    const { gateway } = await start();

    const fleet = await fleetOf(gateway);

    expect(fleet.health).toEqual({ status: 'ok', nodes: { healthy: 2, total: 2 } });
    expect(fleet.nodes.map(({ name }) => name)).toEqual(['beast', 'laptop']);
    expect(fleet.models.map(({ id }) => id)).toEqual(['chat', 'coder']);
  });
});
