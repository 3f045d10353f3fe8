import { fileURLToPath } from 'node:url';

import type { EngineProcess } from '../engine.ts';

/** The llama engine's program, run by the runtime that runs this file. */
export const ENGINE_WORKER_PATH = fileURLToPath(new URL('../llama/worker.ts', import.meta.url));

export interface SpawnEngineOptions {
  /** Program and arguments. Absent: this runtime with `ENGINE_WORKER_PATH`. */
  readonly command?: readonly [string, ...string[]];
  /** Laid over the environment of this process; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** From the spawn to the engine's `hello`. Default 30,000. */
  readonly startupTimeoutMs?: number;
  /** Called as soon as the process exists, before it has said anything: whoever ends leftovers records it here. */
  readonly onSpawn?: (pid: number) => void;
  /** Like `EngineProcess.onLog`, from the first line on. */
  readonly onLog?: (line: string) => void;
  /** Kills the process while it starts; after that `load` and `close` have their own ways. */
  readonly signal?: AbortSignal;
}

/**
 * Starts an engine process and shakes hands with it.
 *
 * @throws CortexError `model_load_failed` (transient) when it cannot be started, ends, stays silent, breaks the protocol, or
 * speaks another version of it; the message names which.
 */
export function spawnEngine(_options: SpawnEngineOptions = {}): Promise<EngineProcess> {
  throw new Error('not yet');
}
