import { createLogger, ticker } from '@cortex/service';
import { inProcessEngine } from '@cortex/engine';
import { createScriptedEngine } from '@cortex/testkit';
import { fileURLToPath } from 'node:url';

import { harnessConformance } from '../conformance/index.ts';
import { createLlamaHarness } from './llama-harness.ts';
import { engineProcesses, type StartEngine } from './start-engine.ts';

const CORTEX_TINY = fileURLToPath(
  new URL('../../../../../models/cortex-tiny.gguf', import.meta.url),
);
const OWN_URL = 'http://127.0.0.1:13131';

const under = (start: StartEngine) => async () => ({
  harness: createLlamaHarness({
    start,
    threads: 1,
    prefillChunkTokens: 512,
    wedgeMs: 60_000,
    startupTimeoutMs: 60_000,
    respawnPauseMs: () => 0,
    every: (everyMs, run) => ticker.every(everyMs, run),
    log: createLogger({ name: 'test', level: 'fatal' }),
    onLog: () => undefined,
    ownUrl: () => OWN_URL,
  }),
  modelPath: CORTEX_TINY,
  ownUrl: OWN_URL,
});

harnessConformance(
  'llama with the scripted engine',
  under(async () => {
    const connection = await inProcessEngine(createScriptedEngine());
    return { connection, kill: () => void connection.close(0) };
  }),
);

harnessConformance(
  'llama with the real engine',
  under(engineProcesses({ records: { add: () => undefined, remove: () => undefined } })),
);
