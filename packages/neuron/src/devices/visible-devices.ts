/** Which GPUs the environment of the daemon leaves to it, as `CUDA_VISIBLE_DEVICES` and `HIP_VISIBLE_DEVICES` say. */
import type { NvidiaGpu } from './nvidia-smi.ts';

/** Whether the variable hides every GPU. */
export const hidesAll = (visible: string | undefined): boolean =>
  visible !== undefined && /^\s*(-1|NoDevFiles)?\s*$/i.test(visible);

/**
 * The GPUs that `visible` names, by index or by (the beginning of) their uuid; all where it is not set.
 *
 * As in CUDA, the list ends at the first entry that names no device. Indexes are those of nvidia-smi.
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
