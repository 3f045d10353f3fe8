/** llama.cpp's own `llama-batched-bench`, compiled from the sources inside node-llama-cpp against its prebuilt libraries. */
import { llamaSources } from '@cortex/testkit';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';

import { cpuMs } from '../process-figures.ts';

const MODULES = resolve(import.meta.dir, '../../node_modules');
/** The program is linked to its libraries, the same that the engine loads. */
export const LIBRARY_VERSION = '3.22.1';
const LIBRARIES = join(MODULES, '@node-llama-cpp/linux-x64/bins/linux-x64');

export interface NativeRun {
  /** Only if a single token is generated. */
  readonly promptS: number;
  readonly generateS: number;
  /** Milliseconds from the end of one run to the end of the next. */
  readonly cpuMs: number;
}

export interface NativeLoad {
  readonly model: string;
  readonly threads: number;
  readonly contextTokens: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly streams: number;
  /** Number of runs. Default 1. */
  readonly runs?: number;
}

/** Path of the program; compiles it on first use (about a second) into `folder`. */
export function buildNativeBench(folder: string): string {
  const program = join(folder, 'bin/llama-batched-bench');
  if (existsSync(program)) return program;
  mkdirSync(join(folder, 'bin'), { recursive: true });
  // The library looks for its CPU variants in the folder of the program.
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

/**
 * When prompts are timed, a run with this prompt is placed between two others, and the program is stopped during it.
 */
const PAUSE_PROMPT_TOKENS = 8;

/** Use native's own defaults for batch, attention and cell type. */
export function nativeCommand(program: string, load: NativeLoad): string[] {
  // Otherwise it is stopped during the prompt of the next run.
  const run = isPromptTimed(load)
    ? `${load.promptTokens},${PAUSE_PROMPT_TOKENS}`
    : `${load.promptTokens}`;
  const options = {
    '-m': load.model,
    '-t': load.threads,
    '-tb': load.threads,
    '-c': load.contextTokens * load.streams,
    '-ngl': 0,
    '-npp': Array.from({ length: load.runs ?? 1 }, () => run).join(','),
    '-ntg': load.generatedTokens,
    '-npl': load.streams,
    '--output-format': 'jsonl',
  };
  return [program, ...Object.entries(options).flat().map(String)];
}

const isPromptTimed = ({ generatedTokens }: NativeLoad): boolean => generatedTokens === 1;

/** Whole lines. None is lost when several come at once, also at the end. */
async function* linesOf(stream: Readable): AsyncGenerator<string, void> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/**
 * The program with all runs of one load. It is stopped (SIGSTOP) between runs, so that both sides take turns of a
 * fraction of a second without loading the model each time, and a slow period of the machine affects both.
 */
export class NativeRuns {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #promptTokens: number;
  #cpuMs = 0;

  /**
   * Loads the model and does one run, which is not counted. Another one at the end is never read: the program may run
   * ahead before it is stopped, and must not be gone when the CPU of its last run is looked up.
   */
  static async start(program: string, load: NativeLoad): Promise<NativeRuns> {
    const runs = new NativeRuns(program, { ...load, runs: (load.runs ?? 1) + 2 });
    await runs.next();
    return runs;
  }

  private constructor(program: string, load: NativeLoad) {
    const [file = '', ...args] = nativeCommand(program, load);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child = child;
    this.#lines = linesOf(child.stdout);
    this.#promptTokens = load.promptTokens;
  }

  async next(): Promise<NativeRun> {
    this.#child.kill('SIGCONT');
    for (;;) {
      const { done, value: line } = await this.#lines.next();
      if (done === true) throw new Error('llama-batched-bench ended before its last run');
      if (!line.startsWith('{')) continue;
      const run: { pp: number; t_pp: number; t_tg: number } = JSON.parse(line);
      if (run.pp !== this.#promptTokens) continue;
      this.#child.kill('SIGSTOP');
      const before = this.#cpuMs;
      this.#cpuMs = cpuMs(this.#child.pid ?? 0);
      return { promptS: run.t_pp, generateS: run.t_tg, cpuMs: this.#cpuMs - before };
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

function run(command: readonly string[]): void {
  const { success, stderr } = Bun.spawnSync([...command]);
  if (success) return;
  throw new Error(`${command.join(' ')} failed:\n${stderr.toString().slice(-2000)}`);
}
