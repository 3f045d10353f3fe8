import { availableParallelism } from 'node:os';

import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { libraryFiles, type LibraryVariant } from '@cortex/engine';

import { loadNeuronConfig } from '../config.ts';
import { configFile } from './config-file.ts';
import { buildLlamaServer } from '../llama-server/build-llama-server.ts';

type Env = Readonly<Record<string, string | undefined>>;

const VARIANTS = ['cpu', 'cuda', 'vulkan'] as const satisfies readonly LibraryVariant[];

/** CUDA where NVIDIA's driver is installed, as the engine chooses. */
const ownVariant = (searchPath: string): LibraryVariant =>
  Bun.which('nvidia-smi', { PATH: searchPath }) === null ? 'cpu' : 'cuda';

function readJobs(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

/** `neuron build llama-server`: compiles it for this machine. Writes with `print`. */
export function buildCommand(env: Env, print: (text: string) => void) {
  const llamaServer = new Command('llama-server')
    .description(
      'Compile a llama-server, for models with images or with experts in RAM. Needs git, cmake and a C++ compiler, but no network.',
    )
    .option(
      '-c, --config <file>',
      'path of neuron.toml, read for state_dir; default: that of the installed service',
    )
    .option('-j, --jobs <n>', 'compilers that run at the same time', readJobs)
    .addOption(
      new Option(
        '--gpu <kind>',
        'kind of GPU; default: cuda if the NVIDIA driver is installed, else cpu',
      ).choices(VARIANTS),
    )
    .action(async ({ config: named, jobs, gpu }) => {
      const file = configFile(named);
      const { state_dir: stateDir } = loadNeuronConfig({ file, env }).value;
      const searchPath = env['PATH'] ?? '';
      const path = await buildLlamaServer({
        stateDir,
        library: libraryFiles(),
        variant: gpu ?? ownVariant(searchPath),
        jobs: jobs ?? availableParallelism(),
        searchPath,
        report: print,
      });
      print(`${path} is ready. neuron uses it from its next load on.`);
    });
  return new Command('build')
    .description('Build programs that neuron can use.')
    .addCommand(llamaServer);
}
