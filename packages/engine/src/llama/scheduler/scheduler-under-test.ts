import { onTestFinished } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readShape } from '@cortex/protocol';

import type { EngineEvent } from '../../engine/generate.ts';
import { PlainParser } from '../parsers/output-parser.ts';
import { PromptCache } from '../prompt-cache/prompt-cache.ts';
import { SamplingBody } from '../request/chat-body.ts';
import { readSampling } from '../request/sampling.ts';
import { TokenDecoder, TokenTexts } from '../request/token-text.ts';
import { Answer } from './answer.ts';
import { Checkpoints } from '../cells/checkpoints.ts';
import { EventBuffer } from './event-buffer.ts';
import { BYTES_PER_TOKEN, FakeContext, FakeSampler } from './fake-context.ts';
import { Job } from './job.ts';
import { Scheduler } from './scheduler.ts';
import { SlotCells } from '../cells/slot-cells.ts';
import { createSlots } from '../cells/slots.ts';

export const END = 0;

export interface SetUpOptions {
  readonly slots?: number;
  readonly windowTokens?: number;
  /** Cells cannot be cut, only restored from checkpoints. */
  readonly isRecurrent?: boolean;
  readonly contextTokens?: number;
  /** Capacity of the prompt cache in tokens; absent: no cache. */
  readonly cacheTokens?: number;
  /** Milliseconds that the clock advances per decode. Default 64, so that a prompt token takes 1 ms. */
  readonly stepMs?: number | undefined;
}

/** A scheduler on the fake context, and `send`, which queues a request. */
export function setUp(options: SetUpOptions = {}) {
  const {
    windowTokens,
    isRecurrent = false,
    contextTokens = 256,
    cacheTokens,
    stepMs = 64,
  } = options;
  const context = new FakeContext();
  context.canCut = !isRecurrent;
  const create = () => context.createCheckpoint();
  const checkpoints = new Checkpoints({ context, create, maxBytes: 5000 });
  const losesCells = isRecurrent || windowTokens !== undefined;
  const cells = new SlotCells({ context, windowTokens, losesCells, checkpoints });
  const logged: string[] = [];
  const folder =
    cacheTokens === undefined
      ? undefined
      : {
          path: newFolder(),
          maxBytes: cacheTokens * BYTES_PER_TOKEN + 5000,
        };
  const log = (line: string): void => void logged.push(line);
  const cache = new PromptCache({
    context,
    cells,
    contextTokens,
    contextBytesPerCell: BYTES_PER_TOKEN,
    folder,
    log,
  });
  const slots = createSlots(options.slots ?? 2);
  const scheduler = new Scheduler({
    model: {
      context,
      isEndOfGeneration: (token) => token === END,
      createSampler: (config) => {
        const sampler = new FakeSampler(config);
        context.samplers.add(sampler);
        return sampler;
      },
      sample: (logitIndex, sampler) => context.sampleToken(logitIndex, sampler),
      accept: () => undefined,
      readLogprob: () => Promise.reject(new Error('not asked for')),
    },
    slots,
    cells,
    cache,
    contextTokens,
    batchTokens: 64,
    prefillChunkTokens: 16,
    isBatchInvariant: false,
    nowMs: () => context.steps.length * stepMs,
  });
  const send = (request: SentRequest) => sendTo(scheduler, request);
  return { context, scheduler, send, cache, folder, logged, slots };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fake-cells-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

interface SentRequest {
  readonly prompt: readonly number[];
  readonly maxTokens?: number;
  readonly n?: number;
  readonly principal?: string;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly logitBias?: Readonly<Record<string, number>>;
}

function sendTo(scheduler: Scheduler, request: SentRequest) {
  const abort = new AbortController();
  const events = new EventBuffer({
    onRoom: () => scheduler.wake(),
    onConsumerStop: () => abort.abort(),
  });
  const { maxTokens = 4, n = 1, stop = [] } = request;
  const body = { seed: request.seed ?? 1, n, logit_bias: request.logitBias };
  const sampling = readSampling(readShape(SamplingBody, body));
  const answers = Array.from(
    { length: n },
    (_, index) =>
      new Answer({
        index,
        decoder: new TokenDecoder(TEXTS, { startsText: false }),
        stop,
        parser: new PlainParser(),
        maxTokens,
        maxToolCalls: Infinity,
      }),
  );
  scheduler.submit(
    new Job({
      principal: request.principal ?? 'p',
      prompt: Uint32Array.from(request.prompt),
      sampling,
      answers,
      topLogprobs: undefined,
      grammars: [],
      events,
      signal: abort.signal,
      arrivedMs: performance.now(),
    }),
  );
  return { abort, events, last: lastOf(events) };
}

const TEXTS = new TokenTexts(
  {
    bytesOf: (token) => new TextEncoder().encode(`<${token}>`),
    isControl: () => false,
    hidesFirstSpace: false,
  },
  new Set(),
);

async function lastOf(events: EventBuffer): Promise<EngineEvent | undefined> {
  let last: EngineEvent | undefined;
  for await (const event of { [Symbol.asyncIterator]: () => events }) last = event;
  return last;
}

export const range = (length: number, from = 1): number[] =>
  Array.from({ length }, (_, index) => from + index);

export const done = (usage: object) => ({ type: 'done', usage });
