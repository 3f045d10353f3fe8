/** Checks of the engine, of the GPUs, and of what other engines could add. */
import type { Discovery } from '@cortex/protocol';

import type { NeuronConfig } from '../config.ts';
import type { StartEngine } from '../engines/start-engine.ts';
import { findLlamaServer } from '../llama-server/find-llama-server.ts';
import { ServerHelp } from '../llama-server/server-help.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

const LIMIT_MS = 30_000;
const INSTALL = 'npm install, without --omit=optional';

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Starts an engine process and asks it for its version. */
export async function checkEngine(start: StartEngine): Promise<Finding> {
  const limit = AbortSignal.timeout(LIMIT_MS);
  try {
    const started = await start({
      modelId: 'doctor',
      onLog: () => undefined,
      signal: limit,
    });
    try {
      await started.connection.devices();
      return ok('engine', 'an engine process starts and opens its library');
    } catch (error) {
      return wrong(
        'engine',
        `an engine process cannot open its library: ${reasonOf(error)}`,
        INSTALL,
      );
    } finally {
      started.kill();
      await started.connection.close(0);
    }
  } catch (error) {
    return wrong('engine', `an engine process does not start: ${reasonOf(error)}`, INSTALL);
  }
}

/** The GPUs of the machine, and what prevents their use. */
export function checkGpus({
  devices,
  gpu_unavailable_reason: reason,
  driver_version: driver,
}: Discovery): Finding {
  const gpus = devices.filter(({ kind }) => kind !== 'cpu');
  const names = gpus.map(({ name, kind }) => `${name} (${kind})`).join(', ');
  if (reason !== undefined) return wrong('gpu', gpus.length === 0 ? reason : `${names}. ${reason}`);
  if (gpus.length === 0) return ok('gpu', 'none: models run on the CPU');
  return ok('gpu', `${names}${driver === undefined ? '' : `, driver ${driver}`}`);
}

/** A llama-server, which runs what the engine of neuron cannot. @param searchPath - `PATH`. */
export async function checkLlamaServer(
  { engine, state_dir: stateDir }: NeuronConfig,
  searchPath: string,
): Promise<Finding> {
  const part = 'llama-server';
  const found = findLlamaServer({ configured: engine.llama_server, stateDir, searchPath });
  switch (found.kind) {
    case 'found':
      if (await new ServerHelp().listsMtp(found.path)) return ok(part, found.path);
      return note(
        part,
        `${found.path} has no --spec-type draft-mtp: a model with prediction layers (MTP) is slower than it could be`,
        'neuron build llama-server, or install a newer one',
      );
    case 'refused':
      return wrong(part, `${found.path} is not run: ${found.reason}`);
    case 'none':
      if (engine.llama_server === '') return ok(part, 'none: engine.llama_server is empty');
      return note(
        part,
        'none: a model with images or with experts in RAM needs one, and a model with prediction layers (MTP) is faster with one',
        'neuron build llama-server',
      );
  }
}
