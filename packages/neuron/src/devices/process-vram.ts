import type { GpuSources } from './gpu-sources.ts';

const QUERY = ['--query-compute-apps=pid,used_gpu_memory', '--format=csv,noheader,nounits'];

/**
 * GPU memory that processes use together, MiB; undefined if the driver does not say (no driver, a container without
 * process ids, `[N/A]` under WDDM).
 */
export async function processVramMib(
  { runNvidiaSmi }: Pick<GpuSources, 'runNvidiaSmi'>,
  pids: readonly number[],
): Promise<number | undefined> {
  const result = await runNvidiaSmi(QUERY);
  if (result?.code !== 0) return undefined;
  const rows = result.stdout
    .split('\n')
    .map((line) => line.split(',').map(Number))
    .filter(([pid = Number.NaN, mib = Number.NaN]) => pids.includes(pid) && Number.isFinite(mib));
  return rows.length === 0 ? undefined : rows.reduce((sum, [, mib = 0]) => sum + mib, 0);
}
