import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { configOf } from './control-under-test.ts';
import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(options: ConstructorParameters<typeof FakeNeuron>[0] = {}) {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }], ...options });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({
    neurons: { beast: neuron },
    toml: '[control]\npoll_interval_s = 0.05\n',
  });
  open.push(gateway);
  return { neuron, gateway };
}

async function streamOnce(gateway: GatewayUnderTest, neuron: FakeNeuron): Promise<void> {
  const answer = gateway.chat({ model: 'm', stream: true });
  const exchange = await neuron.exchange();
  exchange.stream().event({ choices: [{ delta: { role: 'assistant', content: '' } }] });
  const response = await answer;
  const reader = response.body?.getReader();
  await reader?.read();
  exchange.token('a');
  await reader?.read();
  exchange.token('b').finish();
  for (;;) if ((await reader?.read())?.done !== false) break;
}

const PLACE = 'api="chat",model="m",node="beast"';

test('a streamed request is counted in all its series, with buckets', async () => {
  const { neuron, gateway } = await setUp();

  await streamOnce(gateway, neuron);
  const text = await gateway.metrics();

  expect(text).toContain(`cortex_requests_total{${PLACE},outcome="ok"} 1\n`);
  expect(text).toContain(`cortex_prompt_tokens_total{${PLACE}} 5\n`);
  expect(text).toContain(`cortex_completion_tokens_total{${PLACE}} 2\n`);
  for (const name of [
    'cortex_request_duration_seconds',
    'cortex_time_to_first_token_seconds',
    'cortex_inter_token_seconds',
    'cortex_tokens_per_second',
    'cortex_queue_wait_seconds',
  ]) {
    expect(text).toContain(`# TYPE ${name} histogram\n`);
    expect(text).toContain(`${name}_bucket{${PLACE},le="+Inf"} 1\n`);
    expect(text).toContain(`${name}_count{${PLACE}} 1\n`);
  }
});

test('the buckets of a histogram are cumulative', async () => {
  const { neuron, gateway } = await setUp();

  await streamOnce(gateway, neuron);
  const counts = (await gateway.metrics())
    .split('\n')
    .filter((line) => line.startsWith('cortex_request_duration_seconds_bucket'))
    .map((line) => Number(line.split(' ').at(-1)));

  expect(counts.length).toBeGreaterThan(5);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(counts.at(-1)).toBe(1);
});

test('a request for an unknown model is counted', async () => {
  const { gateway } = await setUp();

  await gateway.chat({ model: 'never-heard-of' });
  const text = await gateway.metrics();

  expect(text).toContain(
    'cortex_requests_total{api="chat",model="unknown",node="none",outcome="not_found"} 1',
  );
  expect(text).toContain('cortex_request_errors_total{code="model_not_found"} 1');
  expect(text).not.toContain('never-heard-of');
});

test('the gauges of a model end when it leaves, and those of a node when it stops answering', async () => {
  const { neuron, gateway } = await setUp();
  await streamOnce(gateway, neuron);
  expect(await gateway.metrics()).toContain('cortex_model_in_flight{model="m",node="beast"} 0');

  neuron.removeModel('m');
  await gateway.untilKnown(({ replicasByModel }) => !replicasByModel.has('m'));

  expect(await gateway.metrics()).not.toContain('model="m"');
  await neuron.die();
  await gateway.untilKnown(({ nodes }) => nodes.get('beast')?.state === 'down');
  expect(await gateway.metrics()).toContain('cortex_node_up{node="beast"} 0');
});

test('device gauges exist only for values that the node reports', async () => {
  const { gateway } = await setUp({
    discovery: { devices: [{ index: 0, name: 'gpu', kind: 'cuda', vram_total_mb: 1024 }] },
  });

  const text = await gateway.metrics();

  expect(text).toContain('cortex_device_vram_total_bytes{node="beast",device="0"} 1073741824');
  expect(text).not.toContain('cortex_device_power_watts');
});

test('the metrics listener serves only /metrics', async () => {
  const { gateway } = await setUp();

  expect((await fetch(`${gateway.running.metricsUrl}/`)).status).toBe(404);
  expect((await gateway.get('/metrics')).status).toBe(404);
  const { headers } = await fetch(`${gateway.running.metricsUrl}/metrics`);
  expect(headers.get('content-type')).toStartWith('text/plain; version=0.0.4');
});

test('unknown error codes of a node share one label value and are truncated in the record', async () => {
  const { neuron, gateway } = await setUp();
  const code = 'c'.repeat(5000);

  for (let nth = 1; nth <= 3; nth += 1) {
    const answer = gateway.chat({ model: 'm' });
    (await neuron.exchange(nth)).fail({ status: 418, code: `${nth}${code}`, message: 'no' });
    await (await answer).text();
  }

  const counted = [...(await gateway.metrics()).matchAll(/^cortex_request_errors_total.*$/gm)];
  expect(counted.map(([line]) => line)).toEqual(['cortex_request_errors_total{code="other"} 3']);
  expect(String((await gateway.record())['code']).length).toBeLessThanOrEqual(64);
});

test('the series of a model and of a node end when they leave the fleet', async () => {
  const { neuron, gateway } = await setUp();
  await streamOnce(gateway, neuron);
  const { control } = gateway.running;
  const { nodes } = control.snapshot();

  control.reconfigure({
    config: { ...configOf({}), nodes: [{ name: 'other', endpoint: neuron.url }] },
    catalogue: [{ id: 'm' }],
    aliases: [],
  });

  expect(nodes.has('beast')).toBe(true);
  expect(await gateway.metrics()).not.toContain('node="beast"');
});
