import type { LoadDeps, Loaded } from './load-onto-harness.ts';
import type { LoadReports } from './load-under-way.ts';
import { checkFits } from './plan-load.ts';

/** A model that is asleep, and the reports of its wake. */
interface Wake extends LoadReports {
  readonly modelId: string;
  readonly loaded: Loaded;
}

/** Reserves the memory that the model had, on the same devices. @throws CortexError `insufficient_vram` */
async function reserveAgain(
  { ledger }: LoadDeps,
  { modelId, loaded: { placement, need } }: Wake,
): Promise<void> {
  if (!placement) return;
  const choice = { modelId, mayUseGpu: placement.backend !== 'cpu', place: () => placement };
  await ledger.reserve(choice, async ({ budget }) => {
    checkFits(modelId, need, { budget, placement });
    return { need };
  });
}

/**
 * Wakes a model on the devices that it had.
 *
 * @throws CortexError `insufficient_vram`, or the error of the harness; the model is then unloaded
 */
export async function wakeModel(deps: LoadDeps, wake: Wake): Promise<void> {
  const { modelId, loaded, signal, prepared } = wake;
  const { harness, placement, need } = loaded;
  try {
    if (!harness.wakeModel) throw new Error(`${harness.name} cannot wake ${modelId}`);
    await reserveAgain(deps, wake);
    signal.throwIfAborted();
    prepared();
    const { vramMib = need.vramMib, ramMib = need.ramMib } = await harness.wakeModel(
      modelId,
      signal,
    );
    const isLoaded = (): boolean =>
      harness.listModels().some((held) => held.id === modelId && held.state === 'loaded');
    if (placement) deps.ledger.settle(modelId, { vramMib, ramMib, placement }, isLoaded);
  } catch (error) {
    await harness.unloadModel(modelId);
    deps.ledger.release(modelId);
    throw error;
  }
}
