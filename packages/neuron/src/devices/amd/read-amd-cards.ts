import type { GpuSources } from '../gpu-sources.ts';
import type { AmdCard } from './amd-card.ts';
import { AMD_SMI_ARGUMENTS, parseAmdSmi } from './amd-smi.ts';
import { readAmdSysfs } from './amd-sysfs.ts';
import { parseRocmSmi, ROCM_SMI_ARGUMENTS } from './rocm-smi.ts';

/**
 * The AMD cards of this machine: from sysfs, else amd-smi, else rocm-smi.
 *
 * sysfs comes first, because both tools are Python programs that take a second of CPU time per call.
 */
export async function readAmdCards(
  tools: Pick<GpuSources, 'drmRoot' | 'runAmdSmi' | 'runRocmSmi'>,
): Promise<readonly AmdCard[]> {
  const cards = tools.drmRoot === undefined ? [] : await readAmdSysfs(tools.drmRoot);
  if (cards.length > 0) return cards;
  const answer = parseAmdSmi((await tools.runAmdSmi?.(AMD_SMI_ARGUMENTS))?.stdout ?? '');
  if (answer.length > 0) return answer;
  return parseRocmSmi((await tools.runRocmSmi?.(ROCM_SMI_ARGUMENTS))?.stdout ?? '');
}
