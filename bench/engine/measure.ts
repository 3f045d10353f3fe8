/** The measurements: pairs of native and ours in turns, so that a slow moment of the machine hits both. */
import { join } from 'node:path';

import { cpuMs } from '../process-figures.ts';
import type { BenchOptions } from './options.ts';
import { type NativeLoad, runNative } from './native-bench.ts';
import {
  cancelPrefillMs,
  firstTokenMs,
  randomPrompt,
  startEngine,
  throughput,
} from './our-engine.ts';

const PROMPT_TOKENS = 128;
const GENERATED_TOKENS = 96;
const TTFT_PROMPT_TOKENS = 512;
const TURN_PROMPT_TOKENS = 2000;
const TURNS = 5;
const FUSED_RUNS = 3;
/** Of the library's own scheduler: context for the reader, not a target. */
const STOCK_RUNS = 3;

export interface Pair {
  readonly native: number;
  readonly ours: number;
  readonly stock?: number;
  /** CPU of the run, prefill and (native) load included, milliseconds. */
  readonly nativeCpuMs: number;
  /** Of the engine's process and of the client's, milliseconds. */
  readonly oursCpuMs: number;
  readonly clientCpuMs: number;
}

export interface Measured {
  /** Tokens a second, by number of streams. */
  readonly throughput: Readonly<Record<string, readonly Pair[]>>;
  /** Milliseconds. */
  readonly firstToken: readonly Pair[];
  /** Native with fused attention, which is llama.cpp's default: milliseconds of the same prompt, tokens a second. */
  readonly fused: { readonly firstTokenMs: readonly number[]; readonly tokS: readonly number[] };
  readonly turns: { readonly ratios: readonly number[]; readonly cancelMs: readonly number[] };
  readonly samplingMs: number;
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
    fused: measureFused(options),
    turns: await cachedTurns(options),
    samplingMs: await measureSampling(options.model),
  };
}

async function compareThroughput(options: MeasureOptions, streams: number): Promise<Pair[]> {
  const { model, threads } = options;
  const load: NativeLoad = {
    model,
    threads,
    streams,
    promptTokens: PROMPT_TOKENS,
    generatedTokens: GENERATED_TOKENS,
    contextTokens: 512,
  };
  const engine = await startEngine({ ...options, slots: streams, contextTokens: 512 });
  await throughput(engine, { ...load, generatedTokens: 8 });
  const pairs = await inTurns(options, {
    native: () => {
      const run = runNative(options.program, load);
      return { value: (streams * GENERATED_TOKENS) / run.generateS, cpuMs: run.cpuMs };
    },
    ours: () => throughput(engine, load),
    pid: engine.pid,
  });
  await engine.close(0);
  const stock: number[] = [];
  for (let run = 0; run < STOCK_RUNS; run++) stock.push(await stockThroughput(options, streams));
  return pairs.map((pair, index) => {
    const value = stock[index];
    return value === undefined ? pair : { ...pair, stock: value };
  });
}

async function compareFirstToken(options: MeasureOptions): Promise<Pair[]> {
  const { model, threads } = options;
  const load: NativeLoad = {
    model,
    threads,
    streams: 1,
    promptTokens: TTFT_PROMPT_TOKENS,
    generatedTokens: 1,
    contextTokens: 1024,
  };
  const engine = await startEngine({ ...options, slots: 1, contextTokens: 1024 });
  const once = async (): Promise<number> =>
    firstTokenMs(engine, await randomPrompt(engine, TTFT_PROMPT_TOKENS));
  await once();
  const pairs = await inTurns(options, {
    native: () => {
      const run = runNative(options.program, load);
      return { value: run.promptS * 1000, cpuMs: run.cpuMs };
    },
    ours: once,
    pid: engine.pid,
  });
  await engine.close(0);
  return pairs;
}

/** Not a contest: what the same machine does with the attention that we do without on a CPU. */
function measureFused({ program, model, threads }: MeasureOptions): Measured['fused'] {
  const load = { model, threads, attention: 'fused' } as const;
  const runs = Array.from({ length: FUSED_RUNS }, () => [
    runNative(program, {
      ...load,
      streams: 1,
      promptTokens: TTFT_PROMPT_TOKENS,
      generatedTokens: 1,
      contextTokens: 1024,
    }).promptS * 1000,
    (8 * GENERATED_TOKENS) /
      runNative(program, {
        ...load,
        streams: 8,
        promptTokens: PROMPT_TOKENS,
        generatedTokens: GENERATED_TOKENS,
        contextTokens: 512,
      }).generateS,
  ]);
  return {
    firstTokenMs: runs.map(([ms = Number.NaN]) => ms),
    tokS: runs.map(([, tokS = Number.NaN]) => tokS),
  };
}

interface Contest {
  readonly native: () => { readonly value: number; readonly cpuMs: number };
  readonly ours: () => Promise<number>;
  readonly pid: number;
}

/** Who goes first changes with each pair. */
async function inTurns({ pairs }: MeasureOptions, contest: Contest): Promise<Pair[]> {
  const out: Pair[] = [];
  for (let turn = 0; turn < pairs; turn++) {
    const early = turn % 2 === 0 ? contest.native() : undefined;
    const [engineMs, clientMs] = [cpuMs(contest.pid), cpuMs(process.pid)];
    const ours = await contest.ours();
    const oursCpuMs = cpuMs(contest.pid) - engineMs;
    const clientCpuMs = cpuMs(process.pid) - clientMs;
    const native = early ?? contest.native();
    out.push({
      native: native.value,
      ours,
      nativeCpuMs: native.cpuMs,
      oursCpuMs,
      clientCpuMs,
    });
  }
  return out;
}

/** First token of a second turn on a long chat ÷ of its first turn; and how soon a prefill ends that is cancelled. */
async function cachedTurns(options: MeasureOptions): Promise<Measured['turns']> {
  const contextTokens = TURN_PROMPT_TOKENS + 256;
  const engine = await startEngine({ ...options, slots: 1, contextTokens });
  const ratios: number[] = [];
  const cancelMs: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
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

/** Runs stock LlamaContext in a process of its own. */
async function stockThroughput(options: MeasureOptions, streams: number): Promise<number> {
  const { model, threads } = options;
  const args = [model, threads, streams, PROMPT_TOKENS, GENERATED_TOKENS].map(String);
  const { tokS } = await runScript<{ tokS?: number }>('stock-context.ts', args);
  return tokS ?? Number.NaN;
}

/** One draw at temperature 0 behind a decode, in a process with the same model and nothing else to do. */
async function measureSampling(model: string): Promise<number> {
  const { ms } = await runScript<{ ms?: number }>('sampling.ts', [model]);
  return ms ?? Number.NaN;
}

async function runScript<T>(name: string, args: readonly string[]): Promise<T> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, name), ...args], {
    stdout: 'pipe',
    stderr: 'ignore',
  });
  const line = (await new Response(child.stdout).text()).trim().split('\n').at(-1) ?? '{}';
  const read: T = JSON.parse(line);
  return read;
}
