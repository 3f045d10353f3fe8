/** llama.cpp's own `llama-batched-bench`, compiled from the sources inside node-llama-cpp against its prebuilt libraries. */
import { llamaSources } from '@cortex/testkit';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const MODULES = resolve(import.meta.dir, '../../node_modules');
/** Whose libraries the program is linked to, the same that the engine loads. */
export const LIBRARY_VERSION = '3.22.1';
const LIBRARIES = join(MODULES, '@node-llama-cpp/linux-x64/bins/linux-x64');

export interface NativeRun {
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly streams: number;
  readonly promptS: number;
  readonly generateS: number;
  /** Of the whole process, loading included. */
  readonly cpuMs: number;
}

export interface NativeLoad {
  readonly model: string;
  readonly threads: number;
  readonly contextTokens: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly streams: number;
  /** The library's default, or as our engine runs on a CPU (see the engine's design note). Default `as ours`. */
  readonly attention?: 'fused' | 'as ours';
}

/** Path of the program; compiles it on first use (about a second) into `folder`. */
export function buildNativeBench(folder: string): string {
  const program = join(folder, 'bin/llama-batched-bench');
  if (existsSync(program)) return program;
  mkdirSync(join(folder, 'bin'), { recursive: true });
  // The library looks for its CPU variants beside the program.
  const libraries = readdirSync(LIBRARIES).filter((name) => name.endsWith('.so'));
  for (const name of libraries) {
    if (!existsSync(join(folder, 'bin', name)))
      symlinkSync(join(LIBRARIES, name), join(folder, 'bin', name));
  }
  const source = (path: string): string => join(llamaSources(), path);
  const linked = libraries
    .filter((name) => /^lib(llama|ggml)(-common|-base|\.v)/.test(name))
    .map((name) => `-l:${name}`);
  run([
    'g++',
    '-O2',
    '-std=c++17',
    ...['include', 'ggml/include', 'common', 'vendor'].map((path) => `-I${source(path)}`),
    source('tools/batched-bench/batched-bench.cpp'),
    source('tools/batched-bench/main.cpp'),
    '-o',
    program,
    `-L${LIBRARIES}`,
    ...linked,
    `-Wl,-rpath,${LIBRARIES}`,
  ]);
  return program;
}

export function nativeCommand(program: string, load: NativeLoad): string[] {
  const options = {
    '-m': load.model,
    '-t': load.threads,
    '-tb': load.threads,
    '-c': load.contextTokens * load.streams,
    '-b': load.attention === 'fused' ? 512 : 128,
    '-ub': load.attention === 'fused' ? 512 : 128,
    '-ngl': 0,
    '-fa': load.attention === 'fused' ? 'on' : 'off',
    '-npp': load.promptTokens,
    '-ntg': load.generatedTokens,
    '-npl': load.streams,
    '--output-format': 'jsonl',
  };
  return [program, ...Object.entries(options).flat().map(String)];
}

/** One run in a process of its own. */
export function runNative(program: string, load: NativeLoad): NativeRun {
  const { stdout, cpuMs } = run(nativeCommand(program, load));
  const line = stdout.split('\n').find((text) => text.trim().startsWith('{')) ?? '{}';
  const result: { t_pp?: number; t_tg?: number } = JSON.parse(line);
  return {
    promptTokens: load.promptTokens,
    generatedTokens: load.generatedTokens,
    streams: load.streams,
    promptS: result.t_pp ?? Number.NaN,
    generateS: result.t_tg ?? Number.NaN,
    cpuMs,
  };
}

function run(command: readonly string[]): { readonly stdout: string; readonly cpuMs: number } {
  const { success, stdout, stderr, resourceUsage } = Bun.spawnSync([...command]);
  if (success)
    return { stdout: stdout.toString(), cpuMs: Number(resourceUsage.cpuTime.total) / 1000 };
  throw new Error(`${command.join(' ')} failed:\n${stderr.toString().slice(-2000)}`);
}
