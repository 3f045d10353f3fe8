/**
 * `npm run build`: makes the programs in dist/TARGET. `--help` lists the options.
 *
 * Each folder has `cortex`, one file, and `neuron/` with the program, the engine and the demonstration model. The same
 * commit gives the same bytes. What is not installed for another target comes from the npm registry.
 */
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { buildInfo } from './build-info.ts';
import { compileProgram } from './compile-program.ts';
import { makeEngineFolder } from './engine-folder.ts';
import { isTarget, type Target, TARGETS } from './targets.ts';

const ROOT = join(import.meta.dir, '../..');
const USAGE = `usage: npm run build -- [--out DIR] [--cpu-only] [TARGET…]

  TARGET       ${TARGETS.join(' or ')}; default: this machine
  --out DIR    folder of the targets' folders (default: dist)
  --cpu-only   without the engine's kernels for GPUs, which are most of its size`;

async function build(target: Target, out: string, isCpuOnly: boolean): Promise<void> {
  const folder = join(out, target);
  const draft = `${folder}.new`;
  rmSync(draft, { recursive: true, force: true });
  const neuron = join(draft, 'neuron');
  const common = { root: ROOT, target, build: buildInfo(ROOT) };
  await compileProgram({ ...common, name: 'cortex', outfile: join(draft, 'cortex') });
  await compileProgram({ ...common, name: 'neuron', outfile: join(neuron, 'neuron') });
  await makeEngineFolder({ ...common, folder: join(neuron, 'engine'), isCpuOnly });
  mkdirSync(join(neuron, 'models'));
  for (const file of ['models/cortex-tiny.gguf', 'models/README.md'])
    cpSync(join(ROOT, file), join(neuron, file));
  for (const to of [draft, neuron]) cpSync(join(ROOT, 'LICENSE'), join(to, 'LICENSE'));
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
  console.log(`${folder}: cortex, neuron`);
}

function readArguments() {
  const { values, positionals } = parseArgs({
    options: {
      out: { type: 'string', default: join(ROOT, 'dist') },
      'cpu-only': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const wanted = positionals.length > 0 ? positionals : [`${process.platform}-${process.arch}`];
  const unknown = wanted.filter((name) => !isTarget(name));
  if (unknown.length > 0) throw new Error(`there is no build for ${unknown.join(', ')}`);
  return { ...values, targets: wanted.filter(isTarget) };
}

try {
  const { out, 'cpu-only': isCpuOnly, help, targets } = readArguments();
  if (help) console.log(USAGE);
  else for (const target of targets) await build(target, resolve(out), isCpuOnly);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 1;
}
