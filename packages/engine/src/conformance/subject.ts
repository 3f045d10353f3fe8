import { expect } from 'bun:test';

import type { Engine } from '../engine/engine.ts';
import type { EngineEvent, GenerateRoute, StepItem } from '../engine/generate.ts';
import type { EngineCapability, EngineLoadSpec, LoadedModel } from '../engine/load.ts';
import type { EngineStats } from '../engine/stats.ts';

/** What the suite must know about an implementation and its model. */
export interface ConformanceOptions {
  /** A small model that loads quickly. The suite sets slots and context. */
  readonly spec: EngineLoadSpec;
  /**
   * The capabilities that the loaded model must report. The suite runs the section of each, and tests that
   * everything else is refused.
   */
  readonly claims: readonly EngineCapability[];
  /** Timeout of one test. Default 60,000. */
  readonly timeoutMs?: number;
  /**
   * `exact`: the text at temperature 0 does not depend on what else is in the batch. `close`: kernels differ with the
   * width of the batch, so only the beginning is compared. Default `exact`.
   */
  readonly batchText?: 'exact' | 'close';
  /** A chat body that this model answers with a call of the tool `name`. Needed where `tools` is claimed. */
  readonly toolCall?: { readonly body: Body; readonly name: string };
  /** A chat body that this model answers with reasoning first. Needed where `reasoning` is claimed. */
  readonly reasoning?: { readonly body: Body };
  /** A text for the tokenizer and what detokenize makes of it. Absent: every text is restored exactly. */
  readonly roundTrip?: { readonly text: string; readonly back: string };
  /** The model supports shorter vectors (`dimensions`). Only with `embedding`. */
  readonly cutsVectors?: boolean;
  /** A LoRA adapter for this model that changes what it writes. Needed where `lora` is claimed. */
  readonly loraPath?: string;
}

/** Creates an engine without a model. */
export type MakeEngine = () => Promise<Engine>;

export type Body = Readonly<Record<string, unknown>>;

/** What a section gets: the implementation, and a shared engine with 4 slots of 512 tokens. */
export interface Subject {
  readonly options: ConformanceOptions;
  readonly make: MakeEngine;
  readonly engine: Engine;
  readonly loaded: LoadedModel;
}

/** A part of the suite that registers its tests. Only tests may call `subject`. */
export type Section = (subject: () => Subject, options: ConformanceOptions) => void;

export const CONTEXT_TOKENS = 512;
export const SLOTS = 4;

/** The load spec with the suite's slots and context. */
export function suiteSpec(options: ConformanceOptions, slots: number = SLOTS): EngineLoadSpec {
  return { ...options.spec, slots, contextLength: CONTEXT_TOKENS, vocabOnly: false };
}

/** A fresh engine that has loaded the suite's model. */
export async function loadFresh(subject: Subject, slots: number): Promise<Engine> {
  const engine = await subject.make();
  await engine.load(
    suiteSpec(subject.options, slots),
    () => undefined,
    new AbortController().signal,
  );
  return engine;
}

export interface AskOptions {
  readonly route?: GenerateRoute;
  readonly principal?: string;
  readonly signal?: AbortSignal;
}

let asked = 0;

/** The event stream of one request. */
export function ask(
  engine: Engine,
  body: Body,
  options: AskOptions = {},
): AsyncIterable<EngineEvent> {
  const id = `conformance-${++asked}`;
  return engine.generate(
    {
      id,
      route: options.route ?? 'chat',
      body: { model: 'conformance', ...body },
      principal: options.principal ?? 'addr:127.0.0.1',
      requestId: `req_${id}`,
    },
    options.signal ?? new AbortController().signal,
  );
}

/** A chat of one user turn at temperature 0. */
export function chat(text: string, body: Body = {}): Body {
  return { messages: [{ role: 'user', content: text }], temperature: 0, ...body };
}

/** A chat whose answer has exactly `tokens` tokens. */
export function chatOf(tokens: number, body: Body = {}): Body {
  return chat('Tell me a story about a lighthouse.', {
    max_tokens: tokens,
    ignore_eos: true,
    ...body,
  });
}

/** Plain text of exactly `tokens` tokens, without template, reasoning or tools. */
export function completionOf(tokens: number, body: Body = {}): Body {
  return {
    prompt: 'Once upon a time there was a lighthouse',
    temperature: 0,
    max_tokens: tokens,
    ignore_eos: true,
    ...body,
  };
}

export interface Answer {
  readonly promptTokens: number | undefined;
  readonly items: readonly StepItem[];
  readonly text: string;
  readonly reasoning: string;
  readonly last: Extract<EngineEvent, { type: 'done' | 'error' }>;
}

/** Reads a stream to its end and checks the rules of every stream. */
export async function collect(stream: AsyncIterable<EngineEvent>): Promise<Answer> {
  let promptTokens: number | undefined;
  let last: Answer['last'] | undefined;
  const items: StepItem[] = [];
  for await (const event of stream) {
    expect(last).toBeUndefined();
    switch (event.type) {
      case 'accepted':
        expect(promptTokens).toBeUndefined();
        promptTokens = event.promptTokens;
        break;
      case 'items':
        expect(promptTokens).toBeNumber();
        for (const item of event.items) expectWellFormed(item);
        items.push(...event.items);
        break;
      case 'done':
      case 'error':
        last = event;
        break;
    }
  }
  if (last === undefined) throw new Error('the stream ended without done or error');
  if (last.type === 'done' && promptTokens === undefined) {
    expect(last.finish.map((choice) => choice.reason)).toEqual(['cancelled']);
  }
  return {
    promptTokens,
    items,
    text: items.map((item) => item.text ?? '').join(''),
    reasoning: items.map((item) => item.reasoning ?? '').join(''),
    last,
  };
}

/** The answer, which must have ended with `done`. */
export async function answerOf(stream: AsyncIterable<EngineEvent>) {
  const answer = await collect(stream);
  const { last } = answer;
  if (last.type === 'error') throw new Error(`${last.code}: ${last.message}`);
  return { ...answer, last };
}

/** The refusal, which must be the only event. */
export async function refusalOf(stream: AsyncIterable<EngineEvent>) {
  const { last, promptTokens } = await collect(stream);
  if (last.type === 'done') throw new Error('the request was answered, not refused');
  expect(promptTokens).toBeUndefined();
  return last;
}

/** Checks that no character is split between two items. */
function expectWellFormed(item: StepItem): void {
  for (const text of [item.text, item.reasoning, item.tool?.arguments]) {
    if (text !== undefined) expect(text.isWellFormed()).toBeTrue();
  }
}

/** Waits until the engine's stats satisfy the condition; the timeout of the test is the deadline. */
export async function statsWhere(
  engine: Engine,
  holds: (stats: EngineStats) => boolean,
): Promise<EngineStats> {
  for (;;) {
    const stats = await engine.stats();
    if (holds(stats)) return stats;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Waits until the engine works on `work`, or has ended it: on a busy machine it can be done before anybody looks. */
export async function underWay(engine: Engine, work: Promise<unknown>): Promise<void> {
  let hasEnded = false;
  const note = (): boolean => (hasEnded = true);
  void work.then(note, note);
  await statsWhere(engine, ({ busySlots }) => hasEnded || busySlots > 0);
}

/** Waits until the engine is idle. */
export function idle(engine: Engine): Promise<EngineStats> {
  return statsWhere(engine, (stats) => stats.busySlots === 0 && stats.queueDepth === 0);
}

/** A request that has started to generate and keeps its slot until `release`, because its items are not read. */
export async function holdSlot(engine: Engine, options: AskOptions = {}) {
  const abort = new AbortController();
  const body = chatOf(CONTEXT_TOKENS);
  const stream = ask(engine, body, { ...options, signal: abort.signal })[Symbol.asyncIterator]();
  expect((await stream.next()).value).toMatchObject({ type: 'accepted' });
  expect((await stream.next()).value).toMatchObject({ type: 'items' });
  return {
    release: async () => {
      abort.abort();
      for (let next = await stream.next(); next.done !== true; next = await stream.next());
    },
  };
}

/** Reads events until the first of type `type`; the rest is left in the iterator. */
export async function until(
  stream: AsyncIterator<EngineEvent>,
  type: EngineEvent['type'],
): Promise<EngineEvent> {
  for (;;) {
    const next = await stream.next();
    if (next.done === true) throw new Error(`the stream ended before ${type}`);
    if (next.value.type === type) return next.value;
  }
}

/** The error that `promise` rejects with. Fails when it resolves. */
export async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    () => ({ kind: 'resolved' as const }),
    (thrown: unknown) => ({ kind: 'threw' as const, thrown }),
  );
  if (outcome.kind === 'resolved') throw new Error('expected a rejection');
  return outcome.thrown;
}

/** The rest of a stream, as a stream. */
export function rest(stream: AsyncIterator<EngineEvent>): AsyncIterable<EngineEvent> {
  return { [Symbol.asyncIterator]: () => stream };
}
