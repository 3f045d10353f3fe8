import { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Admission } from '../admission/admission.ts';
import type { MemoryLedger } from '../devices/memory-ledger.ts';
import type { Harness } from '../harness/harness.ts';
import type { Loaded } from './load-onto-harness.ts';
import type { ModelPhase } from './model-phase.ts';

interface SleepDeps {
  readonly admission: Admission;
  readonly ledger: MemoryLedger;
  readonly log: Logger;
  /** Unloads the model at once. */
  readonly unload: () => Promise<void>;
}

/** Frees what the model held, but for what its process keeps while it sleeps. */
function keepAsleep(
  modelId: string,
  { harness, placement }: Loaded,
  ledger: SleepDeps['ledger'],
): void {
  const held = () => harness.listModels().find(({ id }) => id === modelId);
  const { vramMib = 0, ramMib = 0 } = held() ?? {};
  ledger.release(modelId);
  if (!placement || vramMib + ramMib <= 0) return;
  ledger.settle(modelId, { vramMib, ramMib, placement }, () => held()?.state === 'sleeping');
}

function cannotSleep(modelId: string, harness: Harness): CortexError {
  const needs = harness.sleepModel
    ? 'Its server must have no other model, and vLLM must be started with --enable-sleep-mode and VLLM_SERVER_DEV_MODE=1'
    : 'No model of this kind of harness can';
  return new CortexError(
    'wrong_modality',
    `The harness ${harness.name} cannot put ${modelId} to sleep. ${needs}. Unload it instead.`,
  );
}

const conflict = (message: string): CortexError => new CortexError('conflict', message);

/**
 * Gives the memory of an idle model back and keeps its process. No effect if it sleeps already.
 *
 * @throws CortexError `wrong_modality` naming the harness, if it cannot; `conflict` if the model is not loaded, or busy;
 * the error of the harness, and then the model is unloaded
 */
export async function sleepModel(
  modelId: string,
  owner: ModelPhase,
  { admission, ledger, log, unload }: SleepDeps,
): Promise<void> {
  const phase = owner.current;
  if (phase.kind === 'sleeping') return phase.asleep;
  if (phase.kind !== 'loaded') throw conflict(`${modelId} is ${phase.kind}, not loaded.`);
  const { loaded } = phase;
  const { harness } = loaded;
  const listed = harness.listModels().find(({ id }) => id === modelId);
  if (!harness.sleepModel || listed?.canSleep !== true) throw cannotSleep(modelId, harness);
  if (!admission.isIdle(modelId)) throw conflict(`${modelId} is in use.`);
  const fallen = Promise.withResolvers<void>();
  // It takes no requests from here on, because its weights are about to go.
  owner.enter({ kind: 'sleeping', loaded, asleep: fallen.promise });
  try {
    await harness.sleepModel(modelId);
    keepAsleep(modelId, loaded, ledger);
    log.info({ model: modelId }, 'model put to sleep');
    fallen.resolve();
  } catch (error) {
    fallen.resolve();
    // Nobody knows which memory it holds, so nothing but an unload frees it.
    await unload();
    throw error;
  }
}
