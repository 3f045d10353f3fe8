import {
  connectInProcess,
  ENGINE_COMMAND,
  ENGINE_ENV_OF_RUNTIME,
  ENGINE_WORKER_PATH,
  type EngineConnection,
  spawnEngine,
} from '@cortex/engine';
import type * as LlamaWorker from '@cortex/engine/worker';

import type { DeviceEnv } from '../devices/device.ts';
import { processCpuMs } from '../processes/process-cpu-time.ts';
import { processRamMib } from '../processes/process-memory.ts';
import type { ProcessRecords } from '../processes/process-records.ts';

/** A running engine, with a way to kill it. */
export interface StartedEngine {
  readonly connection: EngineConnection;
  /** Kills the engine. An engine inside the daemon can only be asked to close. */
  kill(cause?: string): void;
  /** CPU time used so far, in milliseconds; absent or undefined if unknown. */
  readonly cpuMs?: (() => number | undefined) | undefined;
  /** RAM that its process uses now, MiB; absent or undefined if unknown. */
  readonly ramMib?: (() => number | undefined) | undefined;
}

export interface StartEngineOptions {
  readonly modelId: string;
  /** Chooses the devices of the child; absent: it sees what the daemon sees. */
  readonly env?: DeviceEnv | undefined;
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Starts an engine without a model. @throws CortexError `model_load_failed`, transient */
export type StartEngine = (options: StartEngineOptions) => Promise<StartedEngine>;

/**
 * Program and arguments that run the llama engine under `runtime`, a Bun or Node.
 *
 * Absent: the runtime of this program.
 */
export const llamaCommand = (runtime: string | undefined): readonly [string, ...string[]] =>
  runtime === undefined ? ENGINE_COMMAND : [runtime, ENGINE_WORKER_PATH];

/** One process per engine, so that a crash affects one model. */
export function engineProcesses(options: {
  /** Program and arguments of the engine; absent: the llama engine under this runtime. */
  readonly command?: readonly [string, ...string[]];
  readonly records: ProcessRecords;
}): StartEngine {
  return async ({ modelId, env, onLog, signal }) => {
    let spawnedPid: number | undefined;
    try {
      const engine = await spawnEngine({
        // The name appears in process lists.
        command: [...(options.command ?? llamaCommand(undefined)), modelId],
        env: {
          ...env,
          // With this order, indexes match those of nvidia-smi.
          CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
          CORTEX_PARENT_FD: undefined,
        },
        onSpawn: (pid) => {
          spawnedPid = pid;
          options.records.add(pid, modelId);
        },
        onLog,
        signal,
      });
      void engine.ended.then(() => options.records.remove(engine.pid));
      return {
        connection: engine,
        kill: (cause) => engine.kill(cause),
        cpuMs: () => processCpuMs(engine.pid),
        ramMib: () => processRamMib(engine.pid),
      };
    } catch (error) {
      if (spawnedPid !== undefined) options.records.remove(spawnedPid);
      throw error;
    }
  };
}

/** The engine inside the daemon (`isolation = "none"`): one process less, but a crash ends the daemon. */
export const enginesInProcess: StartEngine = async () => {
  // The library tries its compiled files in a process of this runtime first.
  Object.assign(process.env, ENGINE_ENV_OF_RUNTIME);
  const { serveLlama }: typeof LlamaWorker = await import(ENGINE_WORKER_PATH);
  const connection = await connectInProcess((channel) => void serveLlama(channel));
  return { connection, kill: () => void connection.close(0) };
};
