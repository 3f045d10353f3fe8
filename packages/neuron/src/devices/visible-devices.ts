/** Limits the GPUs to those in `CUDA_VISIBLE_DEVICES` and `HIP_VISIBLE_DEVICES` of the daemon. */
import type { NvidiaGpu } from './nvidia-smi.ts';

/** Whether the variable hides every GPU. */
export const hidesAll = (visible: string | undefined): boolean =>
  visible !== undefined && /^\s*(-1|NoDevFiles)?\s*$/i.test(visible);

/**
 * The GPUs that `visible` lists, by index or by (the start of) their UUID; all if it is not set.
 *
 * As in CUDA, the list ends at the first entry that is not a device. Indexes are those of nvidia-smi.
 */
export function visibleGpus(
  gpus: readonly NvidiaGpu[],
  visible: string | undefined,
): readonly NvidiaGpu[] {
  if (visible === undefined) return gpus;
  const named = new Set<NvidiaGpu>();
  for (const entry of visible.split(',').map((text) => text.trim())) {
    const gpu = gpus.find(({ index, uuid }) =>
      /^\d+$/.test(entry) ? index === Number(entry) : entry !== '' && uuid?.startsWith(entry),
    );
    if (!gpu) break;
    named.add(gpu);
  }
  return gpus.filter((gpu) => named.has(gpu));
}
