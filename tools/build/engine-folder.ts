import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Build } from '@cortex/service';

import { bundleOptions, checkThreads } from './compile-program.ts';
import {
  type LockedPackage,
  lockedPackages,
  PACKAGES,
  platformPackage,
  type Target,
} from './targets.ts';

const LIBRARY = 'node-llama-cpp';
const BINARIES = `@${LIBRARY}/`;

/**
 * Makes the folder with the program of the engine, which runs under the runtime of neuron or under Node, and the
 * library with its dependencies.
 */
export async function makeEngineFolder(options: {
  readonly root: string;
  readonly target: Target;
  readonly build: Build;
  readonly folder: string;
  readonly isCpuOnly: boolean;
}): Promise<void> {
  const { root, target, build, folder, isCpuOnly } = options;
  const { outputs } = await Bun.build({
    entrypoints: [join(root, 'packages/engine/src/llama/worker.ts')],
    outdir: folder,
    naming: 'worker.js',
    external: [LIBRARY],
    ...bundleOptions(build),
  });
  for (const output of outputs) checkThreads(await output.text(), []);
  for (const path of libraryPackages(root)) cpSync(join(root, path), join(folder, path), COPY);
  const { cpu, gpu } = PACKAGES[target].library;
  for (const name of isCpuOnly ? cpu : [...cpu, ...gpu]) {
    const to = join(folder, 'node_modules', BINARIES, name);
    cpSync(platformPackage(root, BINARIES + name), to, COPY);
  }
  // For `neuron build llama-server`.
  mkdirSync(join(folder, 'llama-server'));
  cpSync(
    join(root, 'packages/neuron/src/llama-server/CMakeLists.txt'),
    join(folder, 'llama-server/CMakeLists.txt'),
  );
}

/** Without what only compilers and debuggers read. */
const COPY = {
  recursive: true,
  dereference: true,
  filter: (path: string) => !/\.(d\.[cm]?ts|map|tsbuildinfo)$/.test(path),
} as const;

/** Paths of the library and of what it depends on, without compiled files for some platform. */
function libraryPackages(root: string): readonly string[] {
  const locked = lockedPackages(root);
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const name of Object.keys(locked[path]?.dependencies ?? {})) {
      visit(resolveFrom(locked, path, name));
    }
  };
  visit(`node_modules/${LIBRARY}`);
  return [...found];
}

/** Where Node finds a package from the folder of another one. */
function resolveFrom(
  locked: Readonly<Record<string, LockedPackage>>,
  from: string,
  name: string,
): string {
  for (
    let folder = from;
    ;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))
  ) {
    const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (locked[path]) return path;
    if (folder === '') throw new Error(`${name}, which ${from} needs, is not in package-lock.json`);
  }
}
