import { inProcessEngine } from '@cortex/engine';
import { createScriptedEngine } from '@cortex/testkit';
import { expect, test } from 'bun:test';

import type { StartEngine } from '../src/engines/start-engine.ts';
import { ONE_CARD, TestNeuron, until } from './test-neuron.ts';

const scrape = async (neuron: TestNeuron): Promise<string> => (await neuron.get('/metrics')).text();

/** The value of one series; undefined where there is none. */
const valueOf = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

test('GET /metrics on a node has the series of a model and its engine until the unload', async () => {
  await using neuron = await TestNeuron.start();
  await neuron.load();
  await (await neuron.chat({ max_tokens: 8 })).text();
  const steps = 'neuron_engine_batch_sequences_count{model="tiny"}';
  await until(async () => (valueOf(await scrape(neuron), steps) ?? 0) > 0);

  const loaded = await neuron.get('/metrics');
  const text = await loaded.text();

  expect(loaded.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const { max_in_flight: slots } = (await neuron.health()).models[0] ?? {};
  expect(valueOf(text, 'neuron_model_slots{model="tiny"}')).toBe(slots ?? -1);
  expect(valueOf(text, 'neuron_model_in_flight{model="tiny"}')).toBe(0);
  expect(valueOf(text, 'neuron_models{state="loaded"}')).toBe(1);
  expect(valueOf(text, 'neuron_engine_resident_bytes{model="tiny"}')).toBeGreaterThan(2 ** 20);
  expect(valueOf(text, 'neuron_model_decode_tokens_per_second{model="tiny"}')).toBeGreaterThan(0);

  await neuron.post('/models/unload', { model_id: 'tiny' });
  const after = await scrape(neuron);
  expect(after).not.toContain('model="tiny"');
  expect(valueOf(after, 'neuron_models{state="unloaded"}')).toBe(1);
});

/** An engine that sees a GPU. */
const engineWithGpu: StartEngine = async () => {
  const engine = createScriptedEngine();
  engine.devices = async () => [{ name: 'Card', backend: 'cuda' }];
  const connection = await inProcessEngine(engine);
  return { connection, kill: () => void connection.close(0) };
};

test('GET /metrics on a node shows its devices as the driver last reported them', async () => {
  await using neuron = await TestNeuron.start({
    parts: { startEngine: engineWithGpu, startProbe: engineWithGpu, gpuSources: ONE_CARD },
  });
  await until(async () => (await scrape(neuron)).includes('neuron_device'));

  const text = await scrape(neuron);

  expect(valueOf(text, 'neuron_device_vram_total_bytes{device="0"}')).toBe(8192 * 2 ** 20);
  expect(valueOf(text, 'neuron_device_temperature_celsius{device="0"}')).toBe(40);
  expect(valueOf(text, 'neuron_device_foreign_bytes{device="0"}')).toBe(0);
  expect(valueOf(text, 'neuron_device_yielding{device="0"}')).toBe(0);
  expect(valueOf(text, 'neuron_device_energy_joules_total{device="0"}')).toBeGreaterThanOrEqual(0);
  expect(valueOf(text, 'neuron_draining')).toBe(0);
});

test('GET /metrics on a node shows the CPU, the memory and the event loop of the daemon', async () => {
  await using neuron = await TestNeuron.start({ parts: { startEngine: engineWithGpu } });
  const samples = 'neuron_event_loop_delay_seconds_count';
  await until(async () => (valueOf(await scrape(neuron), samples) ?? 0) > 0);

  const text = await scrape(neuron);

  expect(valueOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(2 ** 20);
  expect(valueOf(text, 'process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(valueOf(text, 'process_open_fds')).toBeGreaterThan(3);
  const startedS = valueOf(text, 'process_start_time_seconds') ?? 0;
  expect(Math.abs(Date.now() / 1000 - startedS - process.uptime())).toBeLessThan(5);
});
