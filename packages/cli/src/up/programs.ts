/** The programs that `cortex up` runs: as they were installed, or the commands of this repository. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { CliError } from '../cli-error.ts';

export interface NeuronProgram {
  readonly command: readonly [string, ...string[]];
  /** The folder of the model that ships with neuron. */
  readonly modelsDir: string;
}

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** This program. The commands of the repository are shell scripts. */
export const CORTEX_COMMAND: readonly [string, ...string[]] = Bun.isStandaloneExecutable
  ? [process.execPath]
  : ['/bin/sh', fileOf('../../bin/cortex')];

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/** Beside this program in a folder of its own or in the same folder, else on the PATH. */
function installedNeuron(): NeuronProgram | undefined {
  const folder = dirname(process.execPath);
  const found =
    [join(folder, 'neuron', 'neuron'), join(folder, 'neuron')].find(isFile) ?? Bun.which('neuron');
  if (found === null) return undefined;
  // The command may be a link to where the program is with its files.
  const program = realpathSync(found);
  return { command: [program], modelsDir: join(dirname(program), 'models') };
}

function neuronOfRepository(): NeuronProgram | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('@cortex/neuron/package.json');
    return {
      command: ['/bin/sh', join(dirname(manifest), 'bin', 'neuron')],
      modelsDir: fileOf('../../../../models/'),
    };
  } catch {
    return undefined;
  }
}

/** @throws CliError that names what to install if there is no neuron */
export function neuronProgram(): NeuronProgram {
  const program = Bun.isStandaloneExecutable ? installedNeuron() : neuronOfRepository();
  if (program) return program;
  const missing = Bun.isStandaloneExecutable
    ? 'the program neuron was not found beside cortex or on the PATH: install the package helexa-neuron'
    : 'the package @cortex/neuron is not installed: install it';
  throw new CliError(`${missing}, or run only the gateway with "cortex serve -c cortex.toml"`);
}
