/**
 * Builds llama-server from the sources that came with the engine's library, linked to the library's compiled files.
 *
 * Nothing is downloaded. Only the server itself is compiled, in a few minutes; the kernels, GPU kernels included, are
 * those that the engine uses.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ENGINE_FOLDER, type LibraryFiles, type LibraryVariant } from '@cortex/engine';
import { ConfigError } from '@cortex/service';

import { findBuildTools } from './build-tools.ts';
import { builtServerPath } from './find-llama-server.ts';

/** The folder of CMakeLists.txt. */
const PROJECT =
  ENGINE_FOLDER === undefined
    ? fileURLToPath(new URL('.', import.meta.url))
    : join(ENGINE_FOLDER, 'llama-server');
const KEY = { key: 'engine.llama_server' };
/** Lines of the compiler's output that are shown when it fails. */
const SHOWN_LINES = 20;

export interface BuildOptions {
  readonly stateDir: string;
  /** Absent: the engine's library is not installed. */
  readonly library: LibraryFiles | undefined;
  readonly variant: LibraryVariant;
  /** Compilers that run at the same time. */
  readonly jobs: number;
  /** `PATH`. */
  readonly searchPath: string;
  /** Called with what happens, one line each. */
  readonly report: (line: string) => void;
}

interface Command {
  readonly command: readonly string[];
  readonly what: string;
  readonly onLine?: ((line: string) => void) | undefined;
}

/** @throws ConfigError with the last lines of the output if the command fails */
async function run({ command, what, onLine }: Command): Promise<void> {
  const child = Bun.spawn([...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  const tail: string[] = [];
  async function read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        onLine?.(line);
        tail.push(line);
        if (tail.length > SHOWN_LINES) tail.shift();
      }
    }
  }
  await Promise.all([read(child.stdout), read(child.stderr), child.exited]);
  if (child.exitCode === 0) return;
  throw new ConfigError(`${what} failed:\n${tail.join('\n')}`, KEY);
}

/** Links beside the program: it looks for its libraries, and for the kernels of each processor, in its own folder. */
function linkLibraries(libraries: string, bin: string): void {
  for (const name of readdirSync(libraries).filter((file) => file.endsWith('.so'))) {
    const link = join(bin, name);
    rmSync(link, { force: true });
    symlinkSync(join(libraries, name), link);
  }
}

/** Reports the progress of cmake, `[ 42%] Building …`, at every tenth part. */
function progressOf(report: (line: string) => void): (line: string) => void {
  let shown = 0;
  return (line) => {
    const percent = Number(/^\[\s*(\d+)%\]/.exec(line)?.[1] ?? 0);
    if (percent < shown + 10) return;
    shown = percent - (percent % 10);
    report(`compiling: ${shown} %`);
  };
}

/**
 * Builds the program and puts it into `state_dir/bin`, where neuron finds it.
 *
 * @returns its path
 * @throws ConfigError naming what is missing, or with the last lines of what failed
 */
export async function buildLlamaServer(options: BuildOptions): Promise<string> {
  const { stateDir, library, variant, jobs, searchPath, report } = options;
  const { git, cmake } = findBuildTools(searchPath);
  const libraries = library?.compiled(variant);
  if (!library || libraries === undefined) {
    throw new ConfigError(
      `The engine's library is not installed for ${process.platform}-${process.arch} with ${variant}: choose another --gpu.`,
      KEY,
    );
  }
  const target = builtServerPath(stateDir);
  const bin = dirname(target);
  const fresh = `${target}.new`;
  const work = join(stateDir, 'build', 'llama-server');
  const sources = join(work, 'sources');
  const build = join(work, 'build');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  try {
    report(`unpacking the sources of the engine's library ${library.version}`);
    await run({
      command: [git, 'clone', '--quiet', library.sourceBundle, sources],
      what: 'Unpacking the sources',
    });
    report(`configuring for ${variant}`);
    await run({
      command: [
        cmake,
        '-S',
        PROJECT,
        '-B',
        build,
        `-DLLAMA_SOURCE=${sources}`,
        `-DLLAMA_LIBRARIES=${libraries}`,
        '-DCMAKE_BUILD_TYPE=Release',
        // Nothing here is on the hot path: the kernels are compiled already.
        '-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG',
        // Else it downloads the web page of the server.
        '-DLLAMA_USE_PREBUILT_UI=OFF',
      ],
      what: 'Configuring llama-server',
    });
    report('compiling llama-server: a few minutes');
    await run({
      command: [cmake, '--build', build, '--target', 'llama-server', '--parallel', String(jobs)],
      what: 'Compiling llama-server',
      onLine: progressOf(report),
    });
    mkdirSync(bin, { recursive: true, mode: 0o755 });
    linkLibraries(libraries, bin);
    copyFileSync(join(build, 'bin', 'llama-server'), fresh);
    chmodSync(fresh, 0o755);
    await run({ command: [fresh, '--version'], what: 'Starting the new llama-server' });
    renameSync(fresh, target);
    return target;
  } finally {
    rmSync(fresh, { force: true });
    rmSync(join(stateDir, 'build'), { recursive: true, force: true });
  }
}
