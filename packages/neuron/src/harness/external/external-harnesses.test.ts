import { createLogger, ticker } from '@cortex/service';
import { FAKE_LLAMA_SERVER, FakeServer, type FakeServerOptions } from '@cortex/testkit';
import { afterAll, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { AwakeClock } from '../../awake-clock.ts';
import { harnessConformance } from '../conformance/index.ts';
import type { ColdModels } from '../harness.ts';
import { PulseGroup } from '../pulse.ts';
import { createExternalHarness } from '../external-harness.ts';
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
