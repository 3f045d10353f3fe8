import { type AdminNode } from '@cortex/protocol';

const gpusOf = ({ devices }: AdminNode): AdminNode['devices'] =>
  devices.filter(({ kind }) => kind !== 'cpu');

/** Of a host that was woken in vain, the error of its last poll is worth reading. */
const SLEEP_STATE = { asleep: 'asleep', waking: 'waking', overslept: 'down' } as const;

/** `up`, or for example `down`, `asleep` or `up, draining`. */
export function nodeState({ state, sleep, draining }: AdminNode): string {
  const shown = sleep === undefined ? state : SLEEP_STATE[sleep];
  return draining ? `${shown}, draining` : shown;
}

/** Memory that models use and may use, by device; undefined if the node has never answered. */
export function nodeMemory(node: AdminNode): string | undefined {
  const gpus = gpusOf(node);
  if (gpus.length > 0) {
    return gpus
      .map(
        ({ name, vram_used_mb: used, vram_total_mb: total, yielding }) =>
          `${name} ${used ?? '?'}/${total} MB${yielding === true ? ' (taken by other programs)' : ''}`,
      )
      .join(', ');
  }
  const cpu = node.devices.find(({ kind }) => kind === 'cpu');
  if (cpu !== undefined)
    return `CPU ${cpu.vram_used_mb ?? '?'}/${Math.round(cpu.vram_total_mb)} MB for models`;
  return node.ram_total_mb === undefined
    ? undefined
    : `CPU, ${Math.round(node.ram_total_mb)} MB RAM`;
}

/** GPUs, or the processor of a node without one; undefined if the node has never answered. */
export function nodeHardware(node: AdminNode): string | undefined {
  const gpus = gpusOf(node);
  if (gpus.length > 0) return gpus.map(({ name }) => name).join(', ');
  return node.cpu && `${node.cpu.model}, ${node.cpu.cores} cores`;
}

const avoidedNote = ({ avoided = [] }: AdminNode): string | undefined =>
  avoided.length === 0 ? undefined : avoided.map(({ text }) => text).join('; ');

/** Instead of the error of a poll, which says only that the host is not there. */
const NOTES_OF_SLEEP: Readonly<Record<string, string>> = {
  asleep: 'woken when a model needs it',
  waking: 'being woken',
};

/**
 * Why the node cannot be reached, why requests avoid it, or why its GPU is not used; undefined if nothing is wrong.
 */
export const nodeNote = (node: AdminNode): string | undefined =>
  NOTES_OF_SLEEP[node.sleep ?? ''] ??
  node.error ??
  avoidedNote(node) ??
  node.gpu_unavailable_reason;
