/** Our engine as the daemon runs it: a child process behind the engine protocol, the client reading its events. */
import { type EngineProcess, spawnEngine } from '@cortex/engine';
import { fileURLToPath } from 'node:url';

export interface OurLoad {
  readonly model: string;
  readonly threads: number;
  readonly slots: number;
  readonly contextTokens: number;
  /** CPU time wasted on purpose at each clock reading of the engine, in µs. */
  readonly slowUs: number;
  /** Whether it prints, at exit, the time of its steps outside decoding and sampling. */
  readonly hasStepClock?: boolean;
}

/** Start of the line in the engine's log with the median of that time, in ms. */
export const STEP_CLOCK_LINE = 'step clock:';

/** The tokens of one request, as received by the client. */
export interface Stream {
  readonly sentMs: number;
  /** Arrival time of each token; several may have the same. */
  readonly tokensMs: readonly number[];
  readonly cachedTokens: number;
}

let requests = 0;

export async function startEngine(load: OurLoad): Promise<EngineProcess> {
  const worker = fileURLToPath(import.meta.resolve('@cortex/engine/worker'));
  const preloads = [
    ...(load.slowUs > 0 ? ['slow-down.ts'] : []),
    ...(load.hasStepClock === true ? ['step-clock.ts'] : []),
  ].flatMap((name) => ['--preload', `${import.meta.dir}/${name}`]);
  const engine = await spawnEngine(
    preloads.length === 0
      ? {}
      : {
          command: [process.execPath, ...preloads, worker],
          env: { SLOW_US: String(load.slowUs) },
        },
  );
  await engine.load(
    {
      modelId: 'bench',
      modelPath: load.model,
      backend: 'cpu',
      contextLength: load.contextTokens,
      slots: load.slots,
      gpuLayers: 0,
      kvType: 'f16',
      threads: load.threads,
      prefillChunkTokens: 512,
      isBatchInvariant: false,
      promptCacheMib: 0,
      params: {},
      vocabOnly: false,
      lora: [],
    },
    () => undefined,
    new AbortController().signal,
  );
  return engine;
}

const WORDS =
  'river stone cloud garden winter letter music window bread market island forest copper engine signal harbour morning story village travel'.split(
    ' ',
  );

/**
 * Tokens of English words in random order. Prompts share no prefix, so no cells are reused, and the answer is text, so
 * every token gives an item (half a character would wait for the next token).
 */
export async function randomPrompt(engine: EngineProcess, tokens: number): Promise<number[]> {
  const words = Array.from(
    { length: tokens },
    () => WORDS[Math.floor(Math.random() * WORDS.length)],
  );
  const all = await engine.tokenize(words.join(' '), { addSpecial: true, parseSpecial: false });
  return all.slice(0, tokens);
}

/** A completion of exactly `tokens` tokens. */
export async function complete(
  engine: EngineProcess,
  prompt: readonly number[],
  tokens: number,
  sampling: object = { temperature: 0 },
): Promise<Stream> {
  const sentMs = performance.now();
  const tokensMs: number[] = [];
  const id = `b${requests++}`;
  const body = { prompt, max_tokens: tokens, ignore_eos: true, ...sampling };
  const request = { id, requestId: id, principal: id, route: 'completions' as const, body };
  for await (const event of engine.generate(request, new AbortController().signal)) {
    const atMs = performance.now();
    if (event.type === 'items') for (const _ of event.items) tokensMs.push(atMs);
    if (event.type === 'error') throw new Error(event.message);
    if (event.type === 'done') return { sentMs, tokensMs, cachedTokens: event.usage.cachedTokens };
  }
  throw new Error('the stream ended without its last event');
}

/** Number of retries of a run in which a token gave no text, because its figure would be too low. */
const TRIES = 8;

interface Streams {
  readonly streams: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** Milliseconds between two tokens of each of `streams`, while all of them generate. */
export async function msPerStep(engine: EngineProcess, load: Streams): Promise<number> {
  for (let left = TRIES; left > 0; left--) {
    const ms = await msPerStepOnce(engine, load);
    if (ms !== undefined) return ms;
  }
  throw new Error(`in ${TRIES} runs there were tokens without text: no figure`);
}

/** Undefined if tokens arrived without text. */
async function msPerStepOnce(
  engine: EngineProcess,
  { streams, promptTokens, generatedTokens }: Streams,
): Promise<number | undefined> {
  const prompts = await Promise.all(
    Array.from({ length: streams }, () => randomPrompt(engine, promptTokens)),
  );
  const done = await Promise.all(
    prompts.map((prompt) => complete(engine, prompt, generatedTokens)),
  );
  if (done.some(({ tokensMs }) => tokensMs.length !== generatedTokens)) return undefined;
  return msPerStepOf(done, generatedTokens);
}

/** The same for long answers with any sampling, where a token may give no text. */
export async function msPerAnswerStep(
  engine: EngineProcess,
  { streams, promptTokens, generatedTokens }: Streams,
  sampling: object,
): Promise<number> {
  const prompts = await Promise.all(
    Array.from({ length: streams }, () => randomPrompt(engine, promptTokens)),
  );
  const done = await Promise.all(
    prompts.map((prompt) => complete(engine, prompt, generatedTokens, sampling)),
  );
  return msPerStepOf(done, generatedTokens);
}

/** Milliseconds between two tokens of each stream, while all of them generate. */
export function msPerStepOf(done: readonly Stream[], generatedTokens: number): number {
  // A stream that started a few steps earlier also ends earlier.
  const fromMs = Math.max(...done.map(({ tokensMs }) => tokensMs[0] ?? 0));
  const toMs = Math.min(...done.map(({ tokensMs }) => tokensMs.at(-1) ?? 0));
  const tokens = done.reduce((total, { tokensMs }) => {
    const within = tokensMs.filter((atMs) => atMs > fromMs && atMs <= toMs).length;
    return total + (within * generatedTokens) / tokensMs.length;
  }, 0);
  return ((toMs - fromMs) * done.length) / tokens;
}

/** Median milliseconds per step of one stream outside decodes and samples. */
export async function schedulerMs(load: Omit<OurLoad, 'slots' | 'contextTokens'>): Promise<number> {
  const engine = await startEngine({
    ...load,
    slots: 1,
    contextTokens: 512,
    hasStepClock: true,
  });
  await complete(engine, await randomPrompt(engine, 32), 400);
  await engine.close(0);
  await engine.ended;
  const line = engine.logTail.find((text) => text.includes(STEP_CLOCK_LINE)) ?? '';
  return Number(line.split(STEP_CLOCK_LINE)[1] ?? Number.NaN);
}

/** Milliseconds from sending a prompt to its first token. */
export async function firstTokenMs(
  engine: EngineProcess,
  prompt: readonly number[],
): Promise<number> {
  const stream = await complete(engine, prompt, 2);
  return (stream.tokensMs[0] ?? Number.NaN) - stream.sentMs;
}

/** Milliseconds from the cancel of a prefill to its last event, which frees the slot. */
export async function cancelPrefillMs(
  engine: EngineProcess,
  prompt: readonly number[],
  afterMs: number,
): Promise<number> {
  const abort = new AbortController();
  const id = `b${requests++}`;
  const request = {
    id,
    requestId: id,
    principal: id,
    route: 'completions' as const,
    body: { prompt, max_tokens: 8 },
  };
  let cancelledMs = 0;
  for await (const event of engine.generate(request, abort.signal)) {
    if (event.type === 'accepted') {
      setTimeout(() => {
        cancelledMs = performance.now();
        abort.abort();
      }, afterMs);
    }
    if (event.type === 'done' && event.finish[0]?.reason === 'cancelled')
      return performance.now() - cancelledMs;
    if (event.type === 'done' || event.type === 'error') break;
  }
  throw new Error('the prefill ended before it was cancelled: take a longer prompt');
}
