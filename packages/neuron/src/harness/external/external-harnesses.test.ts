import { createLogger, ticker } from '@cortex/service';
import { FAKE_LLAMA_SERVER, FakeServer, type FakeServerOptions } from '@cortex/testkit';
import { afterAll, describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { AwakeClock } from '../../awake-clock.ts';
import { harnessConformance } from '../conformance/index.ts';
import type { ColdModels } from '../harness.ts';
import { PulseGroup } from '../pulse.ts';
import { createExternalHarness } from '../external-harness.ts';
import { toLoadSettings } from '../load-settings.ts';
import type { ExternalParts } from './external-parts.ts';
import { HarnessConfig } from './harness-config.ts';

const CORTEX_TINY = fileURLToPath(
  new URL('../../../../../models/cortex-tiny.gguf', import.meta.url),
);
const OWN_URL = 'http://127.0.0.1:13131';
const log = createLogger({ name: 'test', level: 'fatal' });
const every = (everyMs: number, run: () => void): (() => void) => ticker.every(everyMs, run);
const clock = new AwakeClock(every);

/** Nothing is known about files; that is the part of our own engine, tested there. */
const cold: ColdModels = {
  facts: () => ({ capabilities: ['text'] }),
  estimate: async () => ({
    fits: true,
    vramMib: 0,
    ramMib: 1,
    kvMibPer1kTokens: 1,
    contextTokens: 4096,
    roomyContextTokens: 4096,
    slots: 1,
    gpuLayers: 0,
    layers: 1,
    contextMax: 4096,
    slotsMax: 1,
  }),
  estimateLimits: async () => undefined,
  inspect: async () => ({ capabilities: ['text'] }),
  serve: async () => Response.json({}),
};

const parts: ExternalParts = {
  startupTimeoutMs: 30_000,
  wedgeMs: 60_000,
  respawnPauseMs: () => 0,
  every,
  clock,
  log,
  cold,
  measure: async () => ({ ramMib: 1 }),
  records: { add: () => undefined, remove: () => undefined },
  onLog: () => undefined,
  pulses: new PulseGroup(every, clock),
  ownUrl: () => OWN_URL,
};

const make = (config: Readonly<Record<string, unknown>>) => async () => ({
  harness: createExternalHarness(HarnessConfig.parse(config), parts),
  modelPath: CORTEX_TINY,
  ownUrl: OWN_URL,
});

const FAKE: FakeServerOptions = {
  port: 0,
  models: ['m', 'second', 'third', 'fourth', 'fifth'],
  contextTokens: 4096,
  slots: 4,
  hasVision: false,
};
const running = new FakeServer(FAKE);
afterAll(() => running[Symbol.dispose]());

const COMMAND = [process.execPath, FAKE_LLAMA_SERVER, '--port', '${port}'];

harnessConformance(
  'a shared server that is already running',
  make({ name: 'shared', kind: 'llamacpp', endpoint: `${running.url}/` }),
);

harnessConformance(
  'one server per model, started with a command',
  make({
    name: 'each',
    kind: 'llamacpp',
    mode: 'per_model',
    command: [...COMMAND, '-m', '${file}', '-c', '${context_total}', '-np', '${slots}'],
  }),
);

test('only a server that already runs at an http: address offers what it lists: a hosted API may cost money', () => {
  const offersOf = (fields: Readonly<Record<string, unknown>>): unknown => {
    const config = HarnessConfig.parse({ name: 'h', kind: 'openai', ...fields });
    const harness = createExternalHarness(config, parts);
    return harness.needs === 'nothing' ? harness.offers?.models : undefined;
  };

  expect(offersOf({ endpoint: 'http://127.0.0.1:9' })).toEqual([]);
  expect(offersOf({ endpoint: 'https://api.example.com' })).toBeUndefined();
  expect(offersOf({ command: ['run', '${port}'] })).toBeUndefined();
  expect(
    offersOf({ kind: 'comfyui', workflows: 'w', endpoint: 'http://127.0.0.1:9' }),
  ).toBeUndefined();
});

describe('a vLLM server of one model', () => {
  const start = async (flags: readonly string[], memory: readonly number[] = [0]) => {
    const readings = [...memory];
    const config = { name: 'v', kind: 'vllm', mode: 'per_model', command: [...COMMAND, ...flags] };
    const measure = async () => ({ vramMib: readings.shift() });
    const harness = createExternalHarness(HarnessConfig.parse(config), { ...parts, measure });
    if (harness.needs === 'gguf') throw new Error('it needs no file');
    const spec = {
      modelId: 'm',
      settings: toLoadSettings({ model_id: 'm', context_length: 4096 }),
    };
    await harness.loadModel(spec, () => undefined, new AbortController().signal);
    return harness;
  };

  test('can sleep if its command says so, and then counts with what it keeps', async () => {
    const harness = await start(['--enable-sleep-mode'], [9000, 800, 9100]);
    const before = harness.listModels();
    await harness.sleepModel?.('m');
    const asleep = harness.listModels();
    await harness.wakeModel?.('m', new AbortController().signal);

    expect([before, asleep, harness.listModels()]).toMatchObject([
      [{ state: 'loaded', canSleep: true, vramMib: 9000 }],
      [{ state: 'sleeping', vramMib: 800 }],
      [{ state: 'loaded', vramMib: 9100 }],
    ]);
    await harness.stop?.(0);
  });

  test('cannot sleep if its command does not say so', async () => {
    const harness = await start([]);

    expect(harness.listModels()[0]?.canSleep).not.toBe(true);
    await harness.stop?.(0);
  });
});
