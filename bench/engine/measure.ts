/** The measurements: native and ours take turns, so that a slow period of the machine affects both. */
import { join } from 'node:path';

import { cpuMs } from '../process-figures.ts';
import type { BenchOptions } from './options.ts';
import { type NativeLoad, type NativeRun, NativeRuns } from './native-bench.ts';
import {
  cancelPrefillMs,
  firstTokenMs,
  msPerStep,
  randomPrompt,
  schedulerMs,
  startEngine,
} from './our-engine.ts';

const PROMPT_TOKENS = 32;
const GENERATED_TOKENS = 16;
/**
 * Turns per pair. On a shared machine the same work takes a third longer from one second to the next, so short turns
 * measure both sides under the same conditions.
 */
const TURNS_A_PAIR = 6;
const TTFT_PROMPT_TOKENS = 512;
const TURN_PROMPT_TOKENS = 2000;
const CHAT_TURNS = 5;
/** Result of the library's own scheduler, for comparison, not a target. */
const STOCK_RUNS = 3;

/** Both sides, over all turns of the pair. */
export interface Pair {
  readonly native: number;
  readonly ours: number;
  readonly stock?: number;
  /** CPU of the run in milliseconds, including prefill. */
  readonly nativeCpuMs: number;
  /** CPU of the engine's process and of the client's, in milliseconds. */
  readonly oursCpuMs: number;
  readonly clientCpuMs: number;
}

/** Milliseconds of one sample and of eight in parallel, by sampling settings. */
export type SamplingMs = Readonly<Record<string, { readonly one: number; readonly eight: number }>>;

export interface Measured {
  /** Tokens per second, by number of streams. */
  readonly throughput: Readonly<Record<string, readonly Pair[]>>;
  /** Milliseconds. */
  readonly firstToken: readonly Pair[];
  readonly turns: { readonly ratios: readonly number[]; readonly cancelMs: readonly number[] };
  readonly samplingMs: SamplingMs;
  readonly schedulerMs: number;
}

export interface MeasureOptions extends BenchOptions {
  /** The compiled llama-batched-bench. */
  readonly program: string;
  readonly say: (text: string) => void;
}

export async function measure(options: MeasureOptions): Promise<Measured> {
  const throughputs: Record<string, Pair[]> = {};
  for (const streams of options.streams) {
    options.say(`  ${streams} streams …`);
    throughputs[streams] = await compareThroughput(options, streams);
  }
  options.say('  first token, second turn, cancelled prefill, sampling …');
  return {
    throughput: throughputs,
    firstToken: await compareFirstToken(options),
    turns: await cachedTurns(options),
    samplingMs: await measureSampling(options.model),
    schedulerMs: await schedulerMs(options),
  };
}

/** The work of both sides for a throughput figure. */
export const throughputLoad = (
  { model, threads, pairs }: Pick<BenchOptions, 'model' | 'threads' | 'pairs'>,
  streams: number,
): NativeLoad => ({
  model,
  threads,
  streams,
  runs: pairs * TURNS_A_PAIR,
  promptTokens: PROMPT_TOKENS,
  generatedTokens: GENERATED_TOKENS,
  contextTokens: 256,
});

async function compareThroughput(options: MeasureOptions, streams: number): Promise<Pair[]> {
  const load = throughputLoad(options, streams);
  const { contextTokens } = load;
  const engine = await startEngine({ ...options, slots: streams, contextTokens });
  await msPerStep(engine, load);
  const steps = await inTurns(options, load, {
    native: ({ generateS }) => (generateS / GENERATED_TOKENS) * 1000,
    ours: () => msPerStep(engine, load),
    pid: engine.pid,
    turns: TURNS_A_PAIR,
  });
  await engine.close(0);
  const tokS = (ms: number): number => (streams * 1000) / ms;
  const pairs = steps.map((pair) => ({
    ...pair,
    native: tokS(pair.native),
    ours: tokS(pair.ours),
  }));
  const stock: number[] = [];
  for (let run = 0; run < STOCK_RUNS; run++) stock.push(await stockThroughput(options, streams));
  return pairs.map((pair, index) => {
    const value = stock[index];
    return value === undefined ? pair : { ...pair, stock: value };
  });
}

async function compareFirstToken(options: MeasureOptions): Promise<Pair[]> {
  const { model, threads, pairs: runs } = options;
  const load: NativeLoad = {
    model,
    threads,
    runs,
    streams: 1,
    promptTokens: TTFT_PROMPT_TOKENS,
    generatedTokens: 1,
    contextTokens: 1024,
  };
  const engine = await startEngine({ ...options, slots: 1, contextTokens: 1024 });
  const once = async (): Promise<number> =>
    firstTokenMs(engine, await randomPrompt(engine, TTFT_PROMPT_TOKENS));
  await once();
  const pairs = await inTurns(options, load, {
    native: ({ promptS }) => promptS * 1000,
    ours: once,
    pid: engine.pid,
    turns: 1,
  });
  await engine.close(0);
  return pairs;
}

export interface Comparison {
  /** Milliseconds, as `ours`. */
  readonly native: (run: NativeRun) => number;
  readonly ours: () => Promise<number>;
  readonly pid: number;
  /** Turns of each side in a pair. */
  readonly turns: number;
}

/** Pairs of the mean times of both sides. The order alternates with each turn. */
export async function inTurns(
  { pairs, program }: MeasureOptions,
  load: NativeLoad,
  comparison: Comparison,
): Promise<Pair[]> {
  using native = await NativeRuns.start(program, load);
  const out: Pair[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const turns: Pair[] = [];
    for (let turn = 0; turn < comparison.turns; turn++)
      turns.push(await oneTurn(native, comparison, (pair + turn) % 2 === 0));
    const sum = (of: (turn: Pair) => number): number =>
      turns.reduce((total, turn) => total + of(turn), 0);
    out.push({
      native: sum((turn) => turn.native) / turns.length,
      ours: sum((turn) => turn.ours) / turns.length,
      nativeCpuMs: sum((turn) => turn.nativeCpuMs),
      oursCpuMs: sum((turn) => turn.oursCpuMs),
      clientCpuMs: sum((turn) => turn.clientCpuMs),
    });
  }
  return out;
}

async function oneTurn(
  native: NativeRuns,
  comparison: Comparison,
  isNativeFirst: boolean,
): Promise<Pair> {
  const early = isNativeFirst ? await native.next() : undefined;
  const [engineMs, clientMs] = [cpuMs(comparison.pid), cpuMs(process.pid)];
  const ours = await comparison.ours();
  const oursCpuMs = cpuMs(comparison.pid) - engineMs;
  const clientCpuMs = cpuMs(process.pid) - clientMs;
  const run = early ?? (await native.next());
  return { native: comparison.native(run), ours, nativeCpuMs: run.cpuMs, oursCpuMs, clientCpuMs };
}

/** First token of the second turn of a long chat ÷ of its first turn, and the time until a cancelled prefill ends. */
async function cachedTurns(options: MeasureOptions): Promise<Measured['turns']> {
  const contextTokens = TURN_PROMPT_TOKENS + 256;
  const engine = await startEngine({ ...options, slots: 1, contextTokens });
  const ratios: number[] = [];
  const cancelMs: number[] = [];
  for (let turn = 0; turn < CHAT_TURNS; turn++) {
    const first = await randomPrompt(engine, TURN_PROMPT_TOKENS);
    const coldMs = await firstTokenMs(engine, first);
    const second = [...first, ...(await randomPrompt(engine, 40))];
    ratios.push((await firstTokenMs(engine, second)) / coldMs);
    const other = await randomPrompt(engine, TURN_PROMPT_TOKENS);
    cancelMs.push(await cancelPrefillMs(engine, other, coldMs / 4));
  }
  await engine.close(0);
  return { ratios, cancelMs };
}

/** Runs the library's own LlamaContext in a separate process. */
async function stockThroughput(options: MeasureOptions, streams: number): Promise<number> {
  const { model, threads } = options;
  const args = [model, threads, streams, PROMPT_TOKENS, GENERATED_TOKENS].map(String);
  const { tokS } = await runScript<{ tokS?: number }>('stock-context.ts', args);
  return tokS ?? Number.NaN;
}

/**
 * One sample, and eight in parallel, after a decode, in an otherwise idle process with the same model; by sampling
 * settings.
 */
const measureSampling = (model: string): Promise<SamplingMs> =>
  runScript<SamplingMs>('sampling.ts', [model]);

async function runScript<T>(name: string, args: readonly string[]): Promise<T> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, name), ...args], {
    stdout: 'pipe',
    stderr: 'ignore',
  });
  const line = (await new Response(child.stdout).text()).trim().split('\n').at(-1) ?? '{}';
  const read: T = JSON.parse(line);
  return read;
}
