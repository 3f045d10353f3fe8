import {
  ENGINE_WORKER_PATH,
  type EngineConnection,
  inProcessEngine,
  spawnEngine,
} from '@cortex/engine';

import { processCpuMs } from '../process-cpu-time.ts';

/** A running engine and the way to end it at once. */
export interface StartedEngine {
  readonly connection: EngineConnection;
  /** Ends it now, whatever it does. An engine inside the daemon can only be asked to. */
  kill(cause?: string): void;
  /** Milliseconds for which it has computed so far; absent or undefined where that is not known. */
  readonly cpuMs?: (() => number | undefined) | undefined;
}

export interface StartEngineOptions {
  readonly modelId: string;
  /** `CUDA_VISIBLE_DEVICES` of the child; empty hides every GPU, absent shows what the daemon sees. */
  readonly visibleDevices?: string;
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Starts an engine without a model. @throws CortexError `model_load_failed`, transient */
export type StartEngine = (options: StartEngineOptions) => Promise<StartedEngine>;

/** Who keeps track of engine processes, so that none outlives a daemon that was killed. */
export interface EngineRecords {
  add(pid: number, modelId: string): void;
  remove(pid: number): void;
}

/**
 * Program and arguments that run the llama engine under `runtime`, a Bun or Node.
 *
 * Absent: this runtime with its own flags, which keep it from reading `.env` and `bunfig.toml` where it stands.
 */
export const llamaCommand = (runtime: string | undefined): readonly [string, ...string[]] =>
  runtime === undefined
    ? [process.execPath, ...process.execArgv, ENGINE_WORKER_PATH]
    : [runtime, ENGINE_WORKER_PATH];

/** One process an engine: a crash costs one model. */
export function engineProcesses(options: {
  /** Program and arguments of the engine; absent: the llama engine under this runtime. */
  readonly command?: readonly [string, ...string[]];
  readonly records: EngineRecords;
}): StartEngine {
  return async ({ modelId, visibleDevices, onLog, signal }) => {
    let spawnedPid: number | undefined;
    try {
      const engine = await spawnEngine({
        // The name is for people who look at the list of processes.
        command: [...(options.command ?? llamaCommand(undefined)), modelId],
        env: {
          ...(visibleDevices !== undefined && { CUDA_VISIBLE_DEVICES: visibleDevices }),
          // Indexes then mean the same as in nvidia-smi.
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
      };
    } catch (error) {
      if (spawnedPid !== undefined) options.records.remove(spawnedPid);
      throw error;
    }
  };
}

/** The engine inside the daemon (`isolation = "none"`): one process less, and a crash takes the daemon along. */
export const enginesInProcess: StartEngine = async () => {
  const { createLlamaEngine } = await import('@cortex/engine/worker');
  const connection = await inProcessEngine(createLlamaEngine());
  return { connection, kill: () => void connection.close(0) };
};
