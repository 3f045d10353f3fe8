/** Limits the GPUs to those that the environment of the daemon shows (`CUDA_VISIBLE_DEVICES` and its like). */
import type { FoundDevice } from './device-source.ts';

/** Whether the variable hides every GPU. */
export const hidesAll = (visible: string | undefined): boolean =>
  visible !== undefined && /^\s*(-1|NoDevFiles)?\s*$/i.test(visible);

/** The entries of such a variable. */
export const entriesOf = (visible: string): string[] =>
  visible.split(',').map((text) => text.trim());

/**
 * The devices that `visible` lists, by index or by (the start of) their UUID; all if it is not set.
 *
 * As in CUDA, the list ends at the first entry that is not a device. Indexes are those of the tool.
 */
export function visibleDevices(
  devices: readonly FoundDevice[],
  visible: string | undefined,
): readonly FoundDevice[] {
  if (visible === undefined) return devices;
  const named = new Set<FoundDevice>();
  for (const entry of entriesOf(visible)) {
    const device = devices.find(({ index, uuid }) =>
      /^\d+$/.test(entry) ? index === Number(entry) : entry !== '' && uuid?.startsWith(entry),
    );
    if (!device) break;
    named.add(device);
  }
  return devices.filter((device) => named.has(device));
}
