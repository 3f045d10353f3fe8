import { CortexError } from '@cortex/protocol';

import type { Admission } from '../admission/admission.ts';
import type { MemoryLedger } from '../devices/memory-ledger.ts';
import type { ModelPhase } from './model-phase.ts';

interface SleepDeps {
  readonly admission: Admission;
  readonly ledger: MemoryLedger;
  /** Unloads the model at once. */
  readonly unload: () => Promise<void>;
}

const conflict = (message: string): CortexError => new CortexError('conflict', message);

/**
 * Gives the memory of an idle model back and keeps its process. No effect if it sleeps already.
 *
 * @throws CortexError `wrong_modality` naming a harness that cannot; `conflict` if the model is not loaded, or busy;
 * the error of the harness, and then the model is unloaded
 */
export async function sleepModel(
  modelId: string,
  owner: ModelPhase,
  { admission, ledger, unload }: SleepDeps,
): Promise<void> {
  const phase = owner.current;
  if (phase.kind === 'sleeping') return phase.asleep;
  if (phase.kind !== 'loaded') throw conflict(`${modelId} is ${phase.kind}, not loaded.`);
  const { loaded } = phase;
  const { harness } = loaded;
  if (!harness.sleepModel) {
    throw new CortexError(
      'wrong_modality',
      `The harness ${harness.name} cannot put a model to sleep. Unload ${modelId} instead.`,
    );
  }
  if (!admission.isIdle(modelId)) throw conflict(`${modelId} is in use.`);
  const fallen = Promise.withResolvers<void>();
  // It takes no requests from here on, because its weights are about to go.
  owner.enter({ kind: 'sleeping', loaded, asleep: fallen.promise });
  try {
    await harness.sleepModel(modelId);
    ledger.release(modelId);
    fallen.resolve();
  } catch (error) {
    fallen.resolve();
    // Nobody knows which memory it holds, so nothing but an unload frees it.
    await unload();
    throw error;
  }
}
