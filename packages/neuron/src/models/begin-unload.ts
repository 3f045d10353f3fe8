import type { Logger } from '@cortex/service';

import type { Admission } from '../admission/admission.ts';
import type { MemoryLedger } from '../devices/memory-ledger.ts';
import type { ModelPhase, Phase } from './model-phase.ts';
import { UnloadUnderWay } from './unload-under-way.ts';

/** A phase from which an unload begins. */
export type Held = Extract<Phase, { readonly kind: 'loaded' | 'recovering' | 'sleeping' }>;

interface UnloadDeps {
  readonly admission: Admission;
  readonly ledger: MemoryLedger;
  readonly log: Logger;
  readonly phase: Held;
  /** Requests in flight are not waited for. */
  readonly force: boolean;
  /** Called when the model is loaded again because the unload was withdrawn. */
  readonly onWithdrawn: () => void;
}

/** Begins the unload of a model that holds memory or a process. */
export function beginUnload(
  modelId: string,
  owner: ModelPhase,
  { admission, ledger, log, phase, force, onWithdrawn }: UnloadDeps,
): UnloadUnderWay {
  const { kind, loaded } = phase;
  const unloading: UnloadUnderWay = new UnloadUnderWay({
    // A model that recovers or sleeps has no requests.
    idle: force || kind !== 'loaded' ? undefined : admission.whenIdle(modelId),
    begin: () => owner.enter({ kind: 'unloading', loaded, unloading }),
    withdrawn: () => {
      log.info({ model: modelId }, 'unload withdrawn');
      owner.enter({ kind: 'loaded', loaded });
      onWithdrawn();
    },
    end: async () => {
      try {
        await loaded.harness.unloadModel(modelId);
      } finally {
        ledger.release(modelId);
        owner.enter({ kind: 'unloaded' });
        log.info({ model: modelId }, 'model unloaded');
      }
    },
  });
  if (kind === 'loaded') owner.enter({ kind: 'draining', loaded, unloading });
  unloading.start();
  return unloading;
}
