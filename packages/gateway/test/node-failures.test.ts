import { afterEach, describe, expect, test } from 'bun:test';

import { formatUsageComment, SSE_DONE } from '@cortex/protocol';
import { FakeNeuron, REFUSALS, SCRIPTED_USAGE } from '@cortex/testkit';

import { dataOf, GatewayUnderTest, readParts, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(nodes: number, toml = '') {
  const neurons = Array.from({ length: nodes }, () => new FakeNeuron({ models: [{ id: 'm' }] }));
  open.push(...neurons);
  const gateway = await GatewayUnderTest.start({
    neurons: Object.fromEntries(neurons.map((neuron, index) => [`node-${index}`, neuron])),
    toml,
  });
  open.push(gateway);
  const [first, second] = neurons;
  if (first === undefined) throw new Error('needs a node');
  return { gateway, first, second: second ?? first };
}

const errorOf = (event: unknown): unknown => toObject(event)['error'];

describe('before the first byte of an answer', () => {
  test('a node that dies is replaced by another replica', async () => {
    const { gateway, first, second } = await setUp(2);

    const answer = gateway.chat({ model: 'm', stream: true });
    const taken = await Promise.race([
      first.exchange().then(() => ({ dead: first, alive: second })),
      second.exchange().then(() => ({ dead: second, alive: first })),
    ]);
    await taken.dead.die();
    (await taken.alive.exchange()).stream().token('a').finish();

    const response = await answer;
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('"a"');
    expect(await gateway.record()).toMatchObject({ outcome: 'ok', attempts: 2 });
    expect(await gateway.metrics()).toContain('cortex_retries_total{model="m"} 1');
  });

  test('a node that dies without another replica is named in a 502', async () => {
    const { gateway, first } = await setUp(1);

    const answer = gateway.chat({ model: 'm' });
    await first.exchange();
    await first.die();

    const response = await answer;
    expect(response.status).toBe(502);
    expect(errorOf(await response.json())).toMatchObject({
      code: 'node_unreachable',
      message: expect.stringContaining('node-0'),
    });
    expect(gateway.inFlight).toBe(0);
    expect(await gateway.record()).toMatchObject({
      outcome: 'upstream_error',
      level: 'error',
      code: 'node_unreachable',
    });
  });

  test('a node that refuses while it recovers is replaced by another replica', async () => {
    const { gateway, first, second } = await setUp(2);

    const answer = gateway.chat({ model: 'm' });
    const [refuser, other] = await Promise.race([
      first.exchange().then((exchange) => [exchange, second] as const),
      second.exchange().then((exchange) => [exchange, first] as const),
    ]);
    refuser.fail(REFUSALS.recovering);
    (await other.exchange()).json({ ok: true });

    expect((await answer).status).toBe(200);
  });

  test('the last answer of a refusing node reaches the client when there is no other', async () => {
    const { gateway, first } = await setUp(1);

    const answer = gateway.chat({ model: 'm' });
    (await first.exchange()).fail(REFUSALS.recovering);

    const response = await answer;
    expect(response.status).toBe(503);
    expect(response.headers.has('retry-after')).toBe(true);
    expect(errorOf(await response.json())).toMatchObject({ code: 'node_recovering' });
  });

  test('an error without x-neuron-refused is final', async () => {
    const { gateway, first, second } = await setUp(2);

    const answer = gateway.chat({ model: 'm' });
    const exchange = await Promise.race([first.exchange(), second.exchange()]);
    exchange.fail({ ...REFUSALS.queueFull, refused: false });

    expect((await answer).status).toBe(503);
    expect(await gateway.record()).toMatchObject({ attempts: 1, code: 'queue_full' });
  });

  test('a model that the node has unloaded is loaded again, and the request is answered', async () => {
    const { gateway, first } = await setUp(1);
    first.setModel({ id: 'm', status: 'unloaded' });

    const answer = gateway.chat({ model: 'm' });
    (await first.load()).succeed();
    (await first.exchange()).json({ ok: true });

    const response = await answer;
    expect(response.status).toBe(200);
    expect(response.headers.get('x-cortex-cold-start')).toBe('true');
    expect(await gateway.record()).toMatchObject({ attempts: 2, cold_start: true });
    const metrics = await gateway.metrics();
    expect(metrics).toContain('cortex_cold_starts_total{model="m",node="node-0"} 1');
    expect(metrics).toContain('cortex_model_load_seconds_count{model="m",node="node-0"} 1');
  });
});

describe('after the first byte of an answer', () => {
  test('a node that dies causes an error event and a clean end', async () => {
    const { gateway, first } = await setUp(1);

    const answer = gateway.chat({ model: 'm', stream: true });
    (await first.exchange()).stream().token('a');
    const response = await answer;
    const parts = readParts(response);
    let text = (await parts.next()).value ?? '';
    await first.die();
    for await (const part of parts) text += part;

    const events = dataOf(text);
    expect(events.at(-1)).toBe('[DONE]');
    expect(errorOf(events.at(-2))).toMatchObject({
      code: 'upstream_disconnected',
      status: 502,
      message: expect.stringContaining('node-0'),
    });
    expect(await gateway.record()).toMatchObject({ outcome: 'upstream_error', status: 502 });
    expect(gateway.inFlight).toBe(0);
  });

  test('an incomplete event is dropped, so that the error event is readable', async () => {
    const { gateway, first } = await setUp(1);

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await first.exchange();
    exchange.stream().token('a').raw('data: {"half":');
    const parts = readParts(await answer);
    let text = (await parts.next()).value ?? '';
    exchange.breakOff();
    for await (const part of parts) text += part;

    const events = dataOf(text);
    expect(errorOf(events.at(-2))).toMatchObject({ code: 'upstream_disconnected' });
    expect(events.at(-1)).toBe('[DONE]');
  });

  test('an error event of the node is relayed and counted as an error', async () => {
    const { gateway, first } = await setUp(1);

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await first.exchange();
    exchange
      .stream()
      .token('a')
      .raw('data: {"error":{"message":"the engine died","code":"node_recovering"}}\n\n')
      .finish();
    const text = await (await answer).text();

    expect(text).toContain('the engine died');
    expect(await gateway.record()).toMatchObject({ code: 'node_recovering', status: 503 });
  });

  test.each([1, 2])(
    'model_not_loaded of a node becomes no_capacity that names the node, after %p tokens',
    async (tokens) => {
      const { gateway, first } = await setUp(1);

      const answer = gateway.chat({ model: 'm', stream: true });
      const exchange = await first.exchange();
      exchange.stream();
      for (let token = 0; token < tokens; token += 1) exchange.token('a');
      exchange
        .raw(formatUsageComment({ ...SCRIPTED_USAGE, completion_tokens: 7 }))
        .raw('data: {"error":{"message":"x","code":"model_not_loaded","status":404}}\n\n')
        .raw(SSE_DONE)
        .end();
      const text = await (await answer).text();

      const events = dataOf(text);
      expect(text).not.toContain('model_not_loaded');
      expect(events).toHaveLength(tokens + 2);
      expect(errorOf(events.at(-2))).toMatchObject({
        code: 'no_capacity',
        status: 503,
        retry_after_s: 1,
        message: 'Node node-0 no longer has m loaded.',
      });
      expect(events.at(-1)).toBe('[DONE]');
      expect(await gateway.record()).toMatchObject({
        outcome: 'unavailable',
        code: 'no_capacity',
        status: 503,
        completion_tokens: 7,
      });
      expect(gateway.inFlight).toBe(0);
    },
  );

  test('a silent node causes an error event after stream_idle_s', async () => {
    const { gateway, first } = await setUp(1, '[timeouts]\nstream_idle_s = 0.5\n');

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await first.exchange();
    exchange.stream().token('a');
    const events = dataOf(await (await answer).text());

    await exchange.left;
    expect(errorOf(events.at(-2))).toMatchObject({ code: 'node_timeout', status: 504 });
    expect(events.at(-1)).toBe('[DONE]');
    expect(await gateway.record()).toMatchObject({ outcome: 'timeout' });
  });

  test('a stream may take longer than stream_idle_s while its node sends data', async () => {
    const { gateway, first } = await setUp(1, '[timeouts]\nstream_idle_s = 0.6\n');

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await first.exchange();
    exchange.stream().token('a');
    const parts = readParts(await answer);
    const startedMs = performance.now();
    let text = '';
    for await (const part of parts) {
      text += part;
      if (performance.now() - startedMs > 1500) exchange.finish();
      else setTimeout(() => exchange.raw(': keep-alive\n'), 100);
      if (text.includes('[DONE]')) break;
    }

    expect(text).not.toContain('"error"');
    expect(await gateway.record()).toMatchObject({ outcome: 'ok' });
  });
});
