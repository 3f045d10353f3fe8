import { afterEach, describe, expect, test } from 'bun:test';

import { FakeClock, FakeNeuron, REFUSALS } from '@cortex/testkit';

import { dataOf, GatewayUnderTest, readParts, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

type Setup = Partial<Parameters<typeof GatewayUnderTest.start>[0]>;

async function setUp(options: Setup = {}) {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, ...options });
  open.push(gateway);
  return { neuron, gateway };
}

/** Runs the event loop until `holds`. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Reads a stream to its end. `act` runs after its first bytes. */
async function readAfter(response: Response, act: () => void): Promise<string> {
  const parts = readParts(response);
  let text = (await parts.next()).value ?? '';
  act();
  for await (const part of parts) text += part;
  return text;
}

describe('the record of a stream whose client got an error event', () => {
  test('has the error when the node answered JSON instead of a stream after the commit', async () => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await neuron.exchange();
    const text = await readAfter(await answer, () => exchange.json({ choices: [] }));

    expect(dataOf(text)).toEqual([
      { error: expect.objectContaining({ code: 'node_protocol_error', status: 502 }) },
      '[DONE]',
    ]);
    expect(await gateway.record()).toMatchObject({
      outcome: 'upstream_error',
      status: 502,
      code: 'node_protocol_error',
      level: 'error',
    });
    expect(await gateway.metrics()).not.toContain('outcome="ok"');
  });

  test.each([
    ['queue_full', 503, 'unavailable'],
    ['model_load_failed', 422, 'load_failed'],
    ['context_length_exceeded', 400, 'client_error'],
  ])('has the code of a refusal after the commit: %s', async (code, status, outcome) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await neuron.exchange();
    await readAfter(await answer, () => exchange.fail({ status, code, message: 'x' }));

    expect(await gateway.record()).toMatchObject({ outcome, status, code });
  });

  test.each([
    [
      '{"error":{"code":"model_load_failed","status":503}}',
      503,
      'model_load_failed',
      'load_failed',
    ],
    ['{"error":{"code":"node_timeout"}}', 504, 'node_timeout', 'timeout'],
    ['{"error":{"message":"without a code"}}', 502, 'unknown', 'upstream_error'],
    [
      `{"error":{"message":"${'x'.repeat(6000)}","code":"queue_full"}}`,
      503,
      'queue_full',
      'unavailable',
    ],
  ])(
    'has the code of the error event that the node sent: %p',
    async (event, status, code, outcome) => {
      for (const ending of ['data: [DONE]\n\n', '']) {
        const { neuron, gateway } = await setUp();

        const answer = gateway.chat({ model: 'm', stream: true });
        const exchange = (await neuron.exchange()).stream().token('a');
        exchange.raw(`data: ${event}\n\n${ending}`).end();
        const events = dataOf(await (await answer).text());

        expect(events.slice(1)).toEqual([JSON.parse(event), '[DONE]']);
        expect(await gateway.record()).toMatchObject({ outcome, status, code });
      }
    },
  );
});

describe('the outcome of a refusal of a node', () => {
  test.each([
    [422, 'model_load_failed', 'load_failed'],
    [503, 'model_load_failed', 'load_failed'],
    [429, 'insufficient_quota', 'rate_limited'],
    [409, 'conflict', 'client_error'],
    [418, 'teapot', 'client_error'],
  ])('depends on code and status: %d %s is %s', async (status, code, outcome) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.chat({ model: 'm' });
    (await neuron.exchange()).fail({ status, code, message: 'x' });
    await answer;

    expect(await gateway.record()).toMatchObject({ outcome, status, code });
  });
});

describe('a cold start', () => {
  test('is not counted for a request that a ready replica serves during a load on another node', async () => {
    const ready = new FakeNeuron({
      models: [{ id: 'm', load: { max_in_flight: 1, max_queue_depth: 0 } }],
    });
    const loading = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    open.push(ready, loading);
    const gateway = await GatewayUnderTest.start({ neurons: { loading, ready } });
    open.push(gateway);

    // `m@loading` makes the other node load; `m` waits meanwhile for room on the ready one.
    const first = gateway.chat({ model: 'm' });
    const held = await ready.exchange();
    const cold = gateway.chat({ model: 'm@loading' });
    const load = await loading.load();
    const warm = gateway.chat({ model: 'm@ready' });
    await until(() => gateway.running.control.waiting('m') === 2);
    held.json({ ok: true });
    await first;
    (await ready.exchange(2)).json({ ok: true });
    const served = await warm;
    load.succeed();
    (await loading.exchange()).json({ ok: true });
    const loaded = await cold;

    expect(served.headers.has('x-cortex-cold-start')).toBe(false);
    expect(loaded.headers.get('x-cortex-cold-start')).toBe('true');
    await gateway.record(3);
    const byNode = gateway.records.map(({ node, cold_start: isCold }) => [node, isCold]);
    expect(byNode).toEqual([
      ['ready', false],
      ['ready', false],
      ['loading', true],
    ]);
    const metrics = await gateway.metrics();
    expect(metrics).toContain('cortex_cold_starts_total{model="m",node="loading"} 1');
    expect(metrics).not.toContain('cortex_cold_starts_total{model="m",node="ready"}');
  });

  test('is counted for the node that loaded, even if it then refuses', async () => {
    const { neuron, gateway } = await setUp();
    neuron.setModel({ id: 'm', status: 'unloaded' });
    await gateway.running.control.unloadModel(
      { model: 'm', force: false },
      new AbortController().signal,
    );

    const answer = gateway.chat({ model: 'm' });
    (await neuron.load()).succeed();
    (await neuron.exchange()).fail(REFUSALS.recovering);
    const response = await answer;

    expect(response.status).toBe(503);
    expect(response.headers.get('x-cortex-node')).toBe('beast');
    expect(response.headers.get('x-cortex-cold-start')).toBe('true');
    expect(await gateway.record()).toMatchObject({ cold_start: true, node: 'beast' });
    expect(await gateway.metrics()).toContain('cortex_cold_starts_total{model="m",node="beast"} 1');
  });
});

test('the record of a client that disconnected while it waited for a slot has its waiting time', async () => {
  const load = { max_in_flight: 1, max_queue_depth: 0 };
  const neuron = new FakeNeuron({ models: [{ id: 'm', load }] });
  open.push(neuron);
  const clock = new FakeClock();
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, clock });
  open.push(gateway);
  const first = gateway.chat({ model: 'm' });
  const exchange = await neuron.exchange();
  const client = new AbortController();

  const waiting = gateway.chat({ model: 'm' }, { signal: client.signal }).catch(String);
  await until(() => gateway.running.control.waiting('m') === 1);
  clock.advance(40);
  client.abort();
  await waiting;

  expect(await gateway.record()).toMatchObject({
    outcome: 'client_left',
    node: 'none',
    attempts: 0,
    queue_ms: 40,
    total_ms: 40,
  });
  exchange.json({});
  await first;
});

describe('a request for the list of models', () => {
  test.each([
    ['/v1/models', 200, 'ok'],
    ['/v1/models/m', 200, 'ok'],
    ['/v1/models/nobody/has-it', 404, 'not_found'],
  ])('to %s is recorded and counted under api "models"', async (path, status, outcome) => {
    for (const method of ['GET', 'HEAD']) {
      const { gateway } = await setUp();

      const response = await gateway.get(path, { method });

      expect(response.status).toBe(status);
      expect(await gateway.record()).toMatchObject({
        api: 'models',
        status,
        outcome,
        request_id: response.headers.get('x-request-id') ?? '',
        principal: expect.stringMatching(/^addr:/),
        node: 'none',
      });
      expect(await gateway.metrics()).toContain(
        `cortex_requests_total{api="models",model="unknown",node="none",outcome="${outcome}"} 1`,
      );
    }
  });
});

test('the request id of an internal error of the admin API is logged once, with the cause', async () => {
  const { gateway } = await setUp();
  const { control } = gateway.running;
  Object.defineProperty(control, 'loadModel', {
    value: () => Promise.reject(new Error('the reason for the log')),
  });

  const response = await gateway.admin('/models/load', { model: 'm' });

  expect(response.status).toBe(500);
  const id = response.headers.get('x-request-id');
  const logged = gateway.lines.filter((line) => line['request_id'] === id && line['err']);
  expect(logged).toHaveLength(1);
  expect(JSON.stringify(logged)).toContain('the reason for the log');
});

test('the request id of an internal error is logged once, with the cause', async () => {
  const { neuron, gateway } = await setUp();
  const { control } = gateway.running;
  const broken = new Error('the reason for the log');
  Object.defineProperty(control, 'acquire', { value: () => Promise.reject(broken) });

  const response = await gateway.chat({ model: 'm' });

  expect(response.status).toBe(500);
  const id = response.headers.get('x-request-id');
  expect(toObject(toObject(await response.json())['error'])['message']).toBe(
    `An internal error occurred (${id}).`,
  );
  await gateway.record();
  const logged = gateway.lines.filter((line) => line['request_id'] === id && line['err']);
  expect(logged).toHaveLength(1);
  expect(JSON.stringify(logged)).toContain('the reason for the log');
  expect(neuron.count('/v1/chat/completions')).toBe(0);
});
