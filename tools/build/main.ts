/**
 * `npm run build [-- TARGET…]`: makes the programs in dist/TARGET, by default for this machine.
 *
 * Each folder has `cortex`, one file, and `neuron/` with the program, the engine and the demonstration model. The same
 * commit gives the same bytes. What is not installed for another target comes from the npm registry.
 */
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { buildInfo } from './build-info.ts';
import { compileProgram } from './compile-program.ts';
import { makeEngineFolder } from './engine-folder.ts';
import { isTarget, type Target, TARGETS } from './targets.ts';

const ROOT = join(import.meta.dir, '../..');

async function build(target: Target): Promise<void> {
  const folder = join(ROOT, 'dist', target);
  const draft = `${folder}.new`;
  rmSync(draft, { recursive: true, force: true });
  const neuron = join(draft, 'neuron');
  const build = buildInfo(ROOT);
  await compileProgram({
    root: ROOT,
    target,
    build,
    name: 'cortex',
    outfile: join(draft, 'cortex'),
  });
  await compileProgram({
    root: ROOT,
    target,
    build,
    name: 'neuron',
    outfile: join(neuron, 'neuron'),
  });
  await makeEngineFolder({ root: ROOT, target, build, folder: join(neuron, 'engine') });
  mkdirSync(join(neuron, 'models'));
  for (const file of ['models/cortex-tiny.gguf', 'models/README.md'])
    cpSync(join(ROOT, file), join(neuron, 'models', file.slice('models/'.length)));
  for (const to of [draft, neuron]) cpSync(join(ROOT, 'LICENSE'), join(to, 'LICENSE'));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(draft, folder);
  console.log(`${folder}: cortex, neuron`);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !isTarget(name));
if (unknown.length > 0) {
  console.error(`unknown target ${unknown.join(', ')}: choose of ${TARGETS.join(', ')}`);
  process.exit(2);
}
const here = `${process.platform}-${process.arch}`;
if (wanted.length === 0 && !isTarget(here)) {
  console.error(`there is no build for ${here}: name a target of ${TARGETS.join(', ')}`);
  process.exit(2);
}
for (const target of (wanted.length > 0 ? wanted : [here]).filter(isTarget)) await build(target);
