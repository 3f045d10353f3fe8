import { afterEach, describe, expect, test } from 'bun:test';

import { AdminExplanation, AdminNodes } from '@cortex/protocol';
import { type Clock, systemClock } from '@cortex/service';
import { type FakeExchange, FakeNeuron, REFUSALS } from '@cortex/testkit';

import { GatewayUnderTest, readParts } from './gateway-under-test.ts';
import { RawNode } from './raw-node.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

/** A clock that a test moves forward. By itself it is a thousand times too slow to end a pause. */
class SlowClock implements Clock {
  readonly setTimer = systemClock.setTimer.bind(systemClock);
  readonly every = systemClock.every.bind(systemClock);
  aheadMs = 0;

  nowMs(): number {
    return systemClock.nowMs() / 1000 + this.aheadMs;
  }
}

const FIRST_PAUSE_MS = 5000;
const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';

/** Of equal replicas the first by name is chosen, so that `ill` is tried before `well`. */
async function start(
  neurons: Readonly<Record<string, { readonly url: string; close(): Promise<void> }>>,
) {
  open.push(...Object.values(neurons));
  const clock = new SlowClock();
  const toml = '[routing]\npolicy = "least-loaded"\n';
  const gateway = await GatewayUnderTest.start({ neurons, toml, clock });
  open.push(gateway);
  return { gateway, clock };
}

const answering = (answer?: (exchange: FakeExchange) => void): FakeNeuron =>
  new FakeNeuron({ models: [{ id: 'm' }], ...(answer && { answer }) });

const well = (): FakeNeuron => answering((exchange) => exchange.json({ ok: true }));

/** Breaks every request while `isIll`; answers polls all the time. */
function breaking() {
  const state = { isIll: true };
  const node = new RawNode(({ socket }) => {
    if (!state.isIll) return OK;
    socket.end();
    return undefined;
  });
  return { node, state };
}

async function chats(gateway: GatewayUnderTest, count: number, body: object = {}) {
  const first = gateway.records.length + 1;
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const response = await gateway.chat({ model: 'm', ...body });
    statuses.push(response.status);
    await response.text();
    await gateway.record(first + index);
  }
  return { statuses, records: gateway.records.slice(first - 1) };
}

async function avoidedOn(gateway: GatewayUnderTest, name: string) {
  const { nodes } = AdminNodes.parse(await (await gateway.admin('/nodes')).json());
  return nodes.find((node) => node.name === name)?.avoided;
}

const logged = (gateway: GatewayUnderTest, message: string) =>
  gateway.lines.filter(({ msg }) => msg === message);
const AVOIDS = 'requests avoid a node that fails them';
const RETURNS = 'requests use the node again';

describe('a node that answers polls and breaks every request', () => {
  test('costs three attempts, then none, and is used again when it is well', async () => {
    const { node: ill, state } = breaking();
    const { gateway, clock } = await start({ ill, well: well() });

    const before = await chats(gateway, 3);
    expect(before.statuses).toEqual([200, 200, 200]);
    expect(before.records.map(({ attempts }) => attempts)).toEqual([2, 2, 2]);

    const during = await chats(gateway, 6);
    expect(during.records.map(({ attempts, node }) => [attempts, node])).toEqual(
      Array.from({ length: 6 }, () => [1, 'well']),
    );
    expect(ill.requests).toBe(3);
    expect(gateway.running.control.snapshot().nodes.get('ill')?.state).toBe('up');

    state.isIll = false;
    clock.aheadMs += FIRST_PAUSE_MS;
    const after = await chats(gateway, 3);
    expect(after.statuses).toEqual([200, 200, 200]);
    expect(after.records.map(({ attempts, node }) => [attempts, node])).toEqual([
      [1, 'ill'],
      [1, 'ill'],
      [1, 'ill'],
    ]);
    expect(logged(gateway, AVOIDS)).toHaveLength(1);
    expect(logged(gateway, RETURNS)).toHaveLength(1);
    expect(await avoidedOn(gateway, 'ill')).toBeUndefined();
  });

  test('costs one attempt per pause while it stays ill', async () => {
    const { node: ill } = breaking();
    const { gateway, clock } = await start({ ill, well: well() });
    await chats(gateway, 3);

    for (const pauseMs of [FIRST_PAUSE_MS, 2 * FIRST_PAUSE_MS]) {
      clock.aheadMs += pauseMs;
      const { records } = await chats(gateway, 3);
      expect(records.map(({ attempts }) => attempts)).toEqual([2, 1, 1]);
    }

    expect(logged(gateway, AVOIDS)).toHaveLength(1);
  });

  test('is shown to the operator with the reason and the time', async () => {
    const { node: ill } = breaking();
    const { gateway } = await start({ ill, well: well() });
    await chats(gateway, 3);

    expect(logged(gateway, AVOIDS)).toMatchObject([
      { node: 'ill', model: 'm', failures: 3, code: 'node_unreachable', forS: 5 },
    ]);
    const [avoided] = (await avoidedOn(gateway, 'ill')) ?? [];
    expect(avoided).toMatchObject({ model: 'm', failures: 3, code: 'node_unreachable' });
    expect(avoided?.text).toMatch(
      /^requests for m avoid it for [\d.]+ m?s more: 3 in a row failed, the last because it could not be reached$/,
    );
    const metrics = await gateway.metrics();
    expect(metrics).toContain('cortex_model_avoided{model="m",node="ill"} 1\n');
    expect(metrics).toContain('cortex_model_avoided{model="m",node="well"} 0\n');
    expect(metrics).toContain('cortex_circuit_opens_total{node="ill"} 1\n');
    const answer = await gateway.admin('/explain?model=m');
    const { replicas, text } = AdminExplanation.parse(await answer.json());
    expect(replicas).toMatchObject([{ node: 'ill', avoided: { failures: 3 } }, { node: 'well' }]);
    expect(text.join('\n')).toContain('On ill, requests for m avoid it');
  });

  test('is used as before if there is no other, and answers as soon as it is well', async () => {
    const { node: ill, state } = breaking();
    const { gateway } = await start({ ill });

    const broken = await chats(gateway, 6);
    expect(new Set(broken.statuses)).toEqual(new Set([502]));
    expect(new Set(broken.records.map(({ code }) => code))).toEqual(new Set(['node_unreachable']));

    state.isIll = false;
    const { statuses } = await chats(gateway, 2);
    expect(statuses).toEqual([200, 200]);
    expect(await avoidedOn(gateway, 'ill')).toBeUndefined();
  });
});

describe('a replica is avoided after', () => {
  test.each<[string, (exchange: FakeExchange) => void, string]>([
    [
      'errors that are not refusals',
      (exchange) => exchange.fail({ status: 500, code: 'internal_error', message: 'x' }),
      'internal_error',
    ],
    [
      'engines that die of a request',
      (exchange) => exchange.fail({ ...REFUSALS.recovering, refused: false }),
      'node_recovering',
    ],
    [
      'streams that end with an error of the node',
      (exchange) =>
        exchange
          .stream()
          .token('a')
          .raw('data: {"error":{"message":"x","code":"internal_error"}}\n\n')
          .finish(),
      'internal_error',
    ],
    [
      'answers that are no streams',
      (exchange) => exchange.json({ ok: true }),
      'node_protocol_error',
    ],
  ])('%s', async (_what, fails, code) => {
    const ill = answering(fails);
    const other = answering((exchange) => exchange.stream().token('a').finish());
    const { gateway } = await start({ ill, well: other });

    const { records } = await chats(gateway, 5, { stream: true });

    expect(records.map(({ node }) => node)).toEqual(['ill', 'ill', 'ill', 'well', 'well']);
    expect(await avoidedOn(gateway, 'ill')).toMatchObject([{ failures: 3, code }]);
  });

  test('streams that break in the middle', async () => {
    const event = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
    const head =
      'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 1000\r\n\r\n';
    const ill = new RawNode(({ socket }) => {
      // After its beginning has been written.
      queueMicrotask(() => socket.end());
      return head + event;
    });
    const { gateway } = await start({
      ill,
      well: answering((exchange) => exchange.stream().token('a').finish()),
    });

    const { records } = await chats(gateway, 5, { stream: true });

    expect(records.map(({ node, attempts }) => [node, attempts])).toEqual([
      ['ill', 1],
      ['ill', 1],
      ['ill', 1],
      ['well', 1],
      ['well', 1],
    ]);
    expect(await avoidedOn(gateway, 'ill')).toMatchObject([{ code: 'upstream_disconnected' }]);
  });

  test('silence', async () => {
    const ill = answering((exchange) => exchange.stream().token('a'));
    open.push(ill);
    const gateway = await GatewayUnderTest.start({
      neurons: { ill },
      toml: '[timeouts]\nstream_idle_s = 0.3\n',
    });
    open.push(gateway);

    await chats(gateway, 3, { stream: true });

    expect(await avoidedOn(gateway, 'ill')).toMatchObject([{ code: 'node_timeout' }]);
  });
});

describe('a replica is not avoided after', () => {
  test.each<[string, (exchange: FakeExchange) => void]>([
    [
      'errors of clients',
      (exchange) =>
        exchange.fail({ status: 400, code: 'context_length_exceeded', message: 'too long' }),
    ],
    ['refusals while it recovers', (exchange) => exchange.fail(REFUSALS.recovering)],
    ['full queues', (exchange) => exchange.fail({ ...REFUSALS.queueFull, refused: false })],
  ])('%s', async (_what, fails) => {
    const { gateway } = await start({ ill: answering(fails) });

    await chats(gateway, 5);

    expect(await avoidedOn(gateway, 'ill')).toBeUndefined();
  });

  test('clients that leave', async () => {
    const node = answering();
    const { gateway } = await start({ node });

    for (let nth = 1; nth <= 4; nth += 1) {
      const client = new AbortController();
      const answer = gateway.chat({ model: 'm', stream: true }, { signal: client.signal });
      const exchange = await node.exchange(nth);
      exchange.stream().token('a');
      await readParts(await answer).next();
      client.abort();
      await exchange.left;
      expect(await gateway.record(nth)).toMatchObject({ outcome: 'client_left' });
    }

    expect(await avoidedOn(gateway, 'node')).toBeUndefined();
  });
});

test('while a long answer tries a replica again, others follow once it has begun', async () => {
  let isIll = true;
  const ill = answering((exchange) => {
    if (isIll) exchange.fail({ status: 500, code: 'internal_error', message: 'x' });
  });
  const other = answering();
  const { gateway, clock } = await start({ ill, well: other });
  await chats(gateway, 3);
  const chat = () => gateway.chat({ model: 'm', stream: true });
  // Two requests on the other node, so that the first one would always be preferred.
  const busy = [chat(), chat()];
  for (const nth of [1, 2]) (await other.exchange(nth)).stream().token('a');
  isIll = false;
  clock.aheadMs += FIRST_PAUSE_MS;

  const first = chat();
  const probe = await ill.exchange(4);
  const second = chat();
  (await other.exchange(3)).stream().token('a').finish();
  probe.stream().token('a');
  const parts = readParts(await first);
  await parts.next();
  const third = chat();
  (await ill.exchange(5)).stream().token('a').finish();

  expect((await third).headers.get('x-cortex-node')).toBe('ill');
  expect((await second).headers.get('x-cortex-node')).toBe('well');
  probe.finish();
  for (const nth of [1, 2]) (await other.exchange(nth)).finish();
  for (const answer of [...busy, second, third]) await (await answer).text();
  for await (const part of parts) expect(part).not.toContain('error');
  expect(logged(gateway, RETURNS)).toHaveLength(1);
});
