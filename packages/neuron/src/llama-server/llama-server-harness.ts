/** The harness `llama-server`: one process of the machine's own llama-server per model (behaviour 26b). */
import { CortexError } from '@cortex/protocol';

import type { ExternalParts } from '../harness/external/external-parts.ts';
import { createPerModelHarness } from '../harness/external/per-model-harness.ts';
import { KINDS } from '../harness/external/server-kinds.ts';
import type { Harness } from '../harness/harness.ts';
import type { LlamaServer } from './find-llama-server.ts';
import { ServerHelp } from './server-help.ts';

const LLAMA_SERVER = 'llama-server';

const OPTIONS = {
  '-m': '${file}',
  '--mmproj': '${mmproj}',
  '--host': '127.0.0.1',
  '--port': '${port}',
  '-c': '${context_total}',
  '-np': '${slots}',
  '-ngl': '${gpu_layers}',
  '--n-cpu-moe': '${n_cpu_moe}',
  '--spec-type': '${spec_type}',
} as const;

/** @param options.find - The program as it is now; it may be built while the daemon runs. */
export function createLlamaServerHarness(
  parts: ExternalParts,
  options: { readonly find: () => LlamaServer; readonly threads: number },
): Harness {
  const { find, threads } = options;
  const help = new ServerHelp();
  function program(): string {
    const found = find();
    if (found.kind === 'found') return found.path;
    const why =
      found.kind === 'refused'
        ? `${found.path} is not used: ${found.reason}.`
        : 'There is none: run `neuron build llama-server`, or put one on the PATH.';
    throw new CortexError('model_load_failed', `llama-server cannot be started. ${why}`);
  }
  return createPerModelHarness({
    ...parts,
    name: LLAMA_SERVER,
    kind: 'llamacpp',
    command: [LLAMA_SERVER, ...Object.entries(OPTIONS).flat(), '--jinja', '-t', String(threads)],
    program,
    isAvailable: () => find().kind === 'found',
    draftsWithMtp: async () => {
      const found = find();
      return found.kind === 'found' && help.listsMtp(found.path);
    },
    env: {},
    readyPath: KINDS.llamacpp.readyPath,
    headers: {},
    acceptsArgs: false,
    tensorParallel: 1,
  });
}
