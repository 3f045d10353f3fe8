/** The harnesses of a node: our own engine, those of `[[harnesses]]`, and the machine's llama-server. */
import { availableParallelism } from 'node:os';

import type { LoadedConfig } from '@cortex/service';

import type { NeuronConfig } from './config.ts';
import type { GpuSources } from './devices/gpu-sources.ts';
import { processVramMib } from './devices/process-vram.ts';
import { createColdGguf } from './harness/external/cold-gguf.ts';
import { forHarness } from './harness/external/harness-config.ts';
import { createExternalHarness } from './harness/external-harness.ts';
import { createLlamaHarness, type LlamaHarnessOptions } from './harness/llama/llama-harness.ts';
import { createHarnessRegistry, type HarnessRegistry } from './harness/registry.ts';
import { findLlamaServer } from './llama-server/find-llama-server.ts';
import { createLlamaServerHarness } from './llama-server/llama-server-harness.ts';
import { groupPids, groupRamMib } from './processes/process-memory.ts';
import type { ProcessRecords } from './processes/process-records.ts';

export interface HarnessParts extends Omit<LlamaHarnessOptions, 'defaults'> {
  readonly records: ProcessRecords;
  readonly gpuSources: GpuSources;
  /** Folders in which programs are looked for, separated by colons. */
  readonly searchPath: string;
}

/** @throws ConfigError naming a key file that cannot be read */
export function composeHarnesses(
  { value, origins }: LoadedConfig<NeuronConfig>,
  parts: HarnessParts,
): HarnessRegistry {
  const { engine, harnesses, state_dir: stateDir } = value;
  const threads = engine.threads ?? Math.max(1, Math.floor(availableParallelism() / 2));
  const llama = createLlamaHarness({
    ...parts,
    defaults: {
      threads,
      prefillChunkTokens: engine.prefill_chunk_tokens,
      isBatchInvariant: engine.batch_invariant,
      promptCacheMib: engine.prompt_cache_mb,
    },
  });
  const external = {
    ...parts,
    cold: createColdGguf(llama.cold),
    measure: async (pid: number) => ({
      ramMib: groupRamMib(pid),
      vramMib: await processVramMib(parts.gpuSources, groupPids(pid)),
    }),
  };
  const llamaServer = createLlamaServerHarness(external, {
    find: () =>
      findLlamaServer({
        configured: engine.llama_server,
        stateDir,
        searchPath: parts.searchPath,
      }),
    threads,
  });
  return createHarnessRegistry([
    llama,
    ...harnesses.map((harness, index) =>
      forHarness(index, { origins, step: () => createExternalHarness(harness, external) }),
    ),
    llamaServer,
  ]);
}
