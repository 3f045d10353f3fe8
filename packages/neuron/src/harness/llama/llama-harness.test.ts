import { createLogger, ticker } from '@cortex/service';
import { inProcessEngine } from '@cortex/engine';
import { createScriptedEngine } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { fileURLToPath } from 'node:url';

import { AwakeClock } from '../../awake-clock.ts';
import { FileFactsStore } from '../../probe/file-facts.ts';
import { Probe } from '../../probe/probe.ts';
import { ProbeProcess } from '../../probe/probe-process.ts';
import { StateWriter } from '../../state-writer.ts';
import { harnessConformance } from '../conformance/index.ts';
import { PulseGroup } from '../pulse.ts';
import { createLlamaHarness } from './llama-harness.ts';
import { SlotStates } from './slot-states.ts';
import { engineProcesses, type StartEngine } from '../../engines/start-engine.ts';

const CORTEX_TINY = fileURLToPath(
  new URL('../../../../../models/cortex-tiny.gguf', import.meta.url),
);
const log = createLogger({ name: 'test', level: 'fatal' });
const every = (everyMs: number, run: () => void): (() => void) => ticker.every(everyMs, run);
const clock = new AwakeClock(every);

function createTestProbe(start: StartEngine, directory: string): Probe {
  const process = () => new ProbeProcess({ start, every, clock, onLog: () => undefined });
  return new Probe({
    cpu: process(),
    gpu: process(),
    facts: new FileFactsStore(directory, { version: 'test', writer: new StateWriter(log) }),
    nowMs: () => clock.nowMs(),
    log,
  });
}

const OWN_URL = 'http://127.0.0.1:13131';

const under = (start: StartEngine) => {
  const directory = temporaryFolder('neuron-probe');
  return async () => ({
    harness: createLlamaHarness({
      start,
      defaults: { threads: 1, prefillChunkTokens: 512, isBatchInvariant: false, promptCacheMib: 0 },
      probe: createTestProbe(start, directory),
      states: new SlotStates({
        directory: '/nowhere',
        maxMib: 0,
        writer: new StateWriter(log),
        log,
      }),
      loadModes: { modeFor: () => Promise.resolve('read') },
      freeRamMib: () => 0,
      wedgeMs: 60_000,
      startupTimeoutMs: 60_000,
      respawnPauseMs: () => 0,
      every,
      clock,
      pulses: new PulseGroup(every, clock),
      log,
      onLog: () => undefined,
      ownUrl: () => OWN_URL,
    }),
    modelPath: CORTEX_TINY,
    ownUrl: OWN_URL,
  });
};

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
