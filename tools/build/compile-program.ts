import { basename, join } from 'node:path';

import type { Build } from '@cortex/service';

import { bunFor, type Target } from './targets.ts';

const PROGRAMS = {
  cortex: { entry: 'packages/cli/src/compiled.ts', threads: [] },
  neuron: {
    entry: 'packages/neuron/src/compiled.ts',
    threads: [
      'packages/engine/src/gguf/header-thread.ts',
      'packages/neuron/src/harness/llama/load-mode/read-thread.ts',
      'packages/neuron/src/store/pull/hash-thread.ts',
    ],
  },
} as const;

/**
 * How every bundle is made. Names of functions stay, for stack traces in logs.
 *
 * Sets the constant of packages/service/src/build.ts, and one folder for CommonJS modules wherever the build runs.
 */
export const bundleOptions = (build: Build) =>
  ({
    target: 'bun',
    define: { CORTEX_BUILD: JSON.stringify(build), __dirname: '"/"' },
    minify: { syntax: true, whitespace: false, identifiers: false },
  }) as const;

/**
 * Makes one file of a program and the runtime. Threads keep the names of their files, by which the program finds them.
 */
export async function compileProgram(options: {
  readonly root: string;
  readonly target: Target;
  readonly build: Build;
  readonly name: keyof typeof PROGRAMS;
  readonly outfile: string;
}): Promise<void> {
  const { root, target, build, name, outfile } = options;
  const { entry, threads } = PROGRAMS[name];
  const bundle = {
    entrypoints: [entry, ...threads].map((path) => join(root, path)),
    root,
    naming: { entry: '[name].ts' },
    ...bundleOptions(build),
  } as const;
  const { outputs } = await Bun.build(bundle);
  for (const output of outputs) checkThreads(await output.text(), threads);
  await Bun.build({
    ...bundle,
    bytecode: true,
    format: 'esm',
    compile: {
      outfile,
      executablePath: bunFor(root, target),
      autoloadDotenv: false,
      autoloadBunfig: false,
      // With `isolation = "none"` neuron imports the engine, which finds its packages by it.
      autoloadPackageJson: name === 'neuron',
    },
  });
}

/** @throws Error if a bundle starts a thread that would not be found */
export function checkThreads(code: string, threads: readonly string[]): void {
  for (const [, file = ''] of code.matchAll(/new URL\("\.\/([\w-]+\.ts)", ?import\.meta\.url\)/g)) {
    if (threads.some((path) => basename(path) === file)) continue;
    throw new Error(`${file} is started as a thread: list it in tools/build/compile-program.ts`);
  }
}
