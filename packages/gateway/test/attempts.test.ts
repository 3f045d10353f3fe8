import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron, REFUSALS } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';
import { RawNode } from './raw-node.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function start(
  neurons: Readonly<Record<string, { readonly url: string; close(): Promise<void> }>>,
  toml = '',
): Promise<GatewayUnderTest> {
  open.push(...Object.values(neurons));
  const gateway = await GatewayUnderTest.start({ neurons, toml });
  open.push(gateway);
  return gateway;
}

const create = (options: ConstructorParameters<typeof FakeNeuron>[0] = {}): FakeNeuron =>
  new FakeNeuron({ models: [{ id: 'm' }], ...options });

const errorOf = async (response: Response): Promise<unknown> =>
  toObject(await response.json())['error'];

const refusalWith = (code: string, body: string): string =>
  `HTTP/1.1 503 Service Unavailable\r\nx-neuron-refused: 1\r\nretry-after: 17\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nx-code: ${code}\r\n\r\n${body}`;

describe('when no replica is left, the answer', () => {
  for (const code of ['shutting_down', 'node_recovering']) {
    test(`is the last one of a node, unchanged: ${code}`, async () => {
      const body = `{ "error": {"message":"own words",  "code":"${code}", "odd":[1.0]} }`;
      const gateway = await start({ beast: new RawNode(() => refusalWith(code, body)) });

      const response = await gateway.chat({ model: 'm' });

      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('17');
      expect(await response.text()).toBe(body);
      expect(await gateway.record()).toMatchObject({ code, status: 503, attempts: 1 });
    });
  }

  test('is that of the second node if two refuse', async () => {
    const refusing = (message: string): FakeNeuron =>
      create({ answer: (exchange) => exchange.fail({ ...REFUSALS.recovering, message }) });
    const gateway = await start({ one: refusing('it is one'), two: refusing('it is two') });

    const response = await gateway.chat({ model: 'm' });

    expect(response.status).toBe(503);
    const record = await gateway.record();
    expect(record).toMatchObject({ attempts: 2, code: 'node_recovering' });
    expect(await errorOf(response)).toMatchObject({ message: `it is ${String(record['node'])}` });
  });

  test('is never model_not_loaded, but no_capacity with the name of the node', async () => {
    const neuron = create({ answer: (exchange) => exchange.fail(REFUSALS.modelNotLoaded) });
    const gateway = await start({ beast: neuron });
    const [load, again] = [neuron.load(1), neuron.load(2)];
    void load.then((begun) => begun.succeed());
    void again.then((begun) => begun.succeed());

    const response = await gateway.chat({ model: 'm' });

    expect(response.status).toBe(503);
    expect(await errorOf(response)).toMatchObject({
      code: 'no_capacity',
      message: expect.stringContaining('beast'),
    });
  });
});

describe('a request that a node refused with queue_full', () => {
  test('returns to the waiting room each time and is served when a slot is free', async () => {
    let refusals = 0;
    const neuron = create({
      answer: (exchange) => {
        refusals += 1;
        if (refusals <= 5) exchange.fail(REFUSALS.queueFull);
        else exchange.json({ ok: true });
      },
    });
    const gateway = await start({ beast: neuron }, '[control]\npoll_interval_s = 0.05\n');

    const response = await gateway.chat({ model: 'm' });

    expect(response.status).toBe(200);
    const record = await gateway.record();
    expect(record).toMatchObject({ attempts: 1, outcome: 'ok', cold_start: false });
    expect(Number(record['queue_ms'])).toBeGreaterThan(0);
  });

  test.each([
    ['max_wait_s', true],
    ['max_hold_s', false],
  ])('waits for at most %s', async (key, stream) => {
    const neuron = create({ answer: (exchange) => exchange.fail(REFUSALS.queueFull) });
    const other = key === 'max_wait_s' ? 'max_hold_s = 0.1' : 'max_wait_s = 600';
    const gateway = await start(
      { beast: neuron },
      `[queue]\n${key} = 0.6\n${other}\n[control]\npoll_interval_s = 0.05\n`,
    );

    const response = await gateway.chat({ model: 'm', stream });

    expect(response.status).toBe(503);
    expect(await errorOf(response)).toMatchObject({ code: 'queue_full' });
    const record = await gateway.record();
    expect(record).toMatchObject({ code: 'queue_full', outcome: 'unavailable', attempts: 1 });
    expect(Number(record['total_ms'])).toBeGreaterThanOrEqual(600);
    // All its waits together: each one ends with the next report, after 50 ms. The attempts between them do not count.
    expect(Number(record['queue_ms'])).toBeGreaterThan(100);
  });
});

describe('a kept-alive connection that breaks', () => {
  const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';

  test('after the request was sent costs an attempt, which is recorded', async () => {
    // Answers the first request of a connection, then reads the second one and closes the connection.
    let broken = 0;
    const node = new RawNode(({ socket, nth }) => {
      if (nth === 1 || broken > 0) return OK;
      broken += 1;
      socket.end();
      return undefined;
    });
    const gateway = await start({ beast: node });

    await gateway.chat({ model: 'm' });
    let requests = 1;
    for (; broken === 0; requests += 1) {
      const response = await gateway.chat({ model: 'm' });
      expect(response.status).toBe(200);
    }

    const record = await gateway.record(requests);
    expect(record).toMatchObject({ outcome: 'ok', attempts: 2, node: 'beast' });
    expect(node.requests).toBe(requests + 1);
    expect(await gateway.metrics()).toContain('cortex_retries_total{model="m"} 1');
  });

  test('leads to another node if one has room', async () => {
    const dying = new RawNode(({ socket }) => {
      socket.end();
      return undefined;
    });
    const gateway = await start({
      dying,
      well: create({ answer: (exchange) => exchange.json({}) }),
    });

    for (let request = 1; request <= 4; request += 1) {
      expect((await gateway.chat({ model: 'm' })).status).toBe(200);
      expect(await gateway.record(request)).toMatchObject({ node: 'well' });
    }
    const attempts = gateway.records.reduce((sum, record) => sum + Number(record['attempts']), 0);
    expect(attempts).toBe(4 + dying.requests);
  });
});
