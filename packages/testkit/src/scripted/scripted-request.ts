import type { EngineEvent, FinishReason, StepItem } from '@cortex/engine';
import type { ErrorCode } from '@cortex/protocol';

import type { Gate } from './gate.ts';
import type { ScriptedBody } from './read-body.ts';
import { StopFilter } from './stop-filter.ts';

/** Most items that an engine generates ahead of its consumer. */
const LOOKAHEAD_ITEMS = 64;

export interface RequestPlan {
  readonly body: ScriptedBody;
  readonly items: Iterator<StepItem, FinishReason>;
  readonly gates: Readonly<Record<number, Gate>>;
  readonly failure: { readonly code: ErrorCode; readonly message: string } | undefined;
  /** Tokens that fit after the prompt. */
  readonly roomTokens: number;
  readonly prefillChunkTokens: number;
  readonly principal: string;
}

/** One request of the scripted engine: the remaining items, and the events that its consumer has not taken yet. */
export class ScriptedRequest {
  readonly plan: RequestPlan;
  readonly #stops: StopFilter;
  readonly #events: EngineEvent[] = [];
  readonly #arrivedMs = performance.now();
  #waiting: ((event: EngineEvent) => void) | undefined;
  #itemsAhead = 0;
  #step = 0;
  #prefilledTokens = 0;
  #completionTokens = 0;
  #reasoningTokens = 0;
  #admittedMs: number | undefined;
  #prefilledMs: number | undefined;
  #firstTokenMs: number | undefined;
  #hasEnded = false;

  constructor(plan: RequestPlan) {
    this.plan = plan;
    this.#stops = new StopFilter(plan.body.stops);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The gate that the next step waits for, if it is closed. */
  get closedGate(): Gate | undefined {
    const gate = this.plan.gates[this.#step];
    return gate === undefined || gate.isOpen ? undefined : gate;
  }

  /** For a request with a slot: whether a step would advance it. */
  get isRunnable(): boolean {
    return !this.#hasEnded && this.#itemsAhead < LOOKAHEAD_ITEMS && this.closedGate === undefined;
  }

  get usedTokens(): number {
    return this.#prefilledTokens + this.#completionTokens;
  }

  accept(): void {
    this.#push({ type: 'accepted', promptTokens: this.plan.body.promptTokens });
  }

  admit(): void {
    this.#admittedMs = performance.now();
  }

  /** One engine step: a chunk of the prompt, or a token. */
  step(): void {
    const { body, prefillChunkTokens, roomTokens } = this.plan;
    if (this.#prefilledTokens < body.promptTokens) {
      this.#prefilledTokens = Math.min(
        body.promptTokens,
        this.#prefilledTokens + prefillChunkTokens,
      );
      if (this.#prefilledTokens === body.promptTokens) this.#prefilledMs = performance.now();
      return;
    }
    this.#step++;
    const next = this.plan.items.next();
    if (next.done === true) return this.#finish(next.value);
    this.#completionTokens++;
    this.#firstTokenMs ??= performance.now();
    if (next.value.reasoning !== undefined) this.#reasoningTokens++;
    const matched = this.#emit(next.value);
    if (matched !== undefined) return this.#done({ reason: 'stop', matchedStop: matched });
    const limit = Math.min(body.maxTokens ?? roomTokens, roomTokens);
    if (this.#completionTokens >= limit) this.#finish('length');
  }

  cancel(): void {
    if (!this.#hasEnded) this.#done({ reason: 'cancelled' });
  }

  fail(code: ErrorCode, message: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#push({ type: 'error', code, message });
  }

  /** The next event. The caller takes one at a time, and none after the last. */
  next(): Promise<EngineEvent> {
    const event = this.#events.shift();
    if (event === undefined) return new Promise((resolve) => (this.#waiting = resolve));
    if (event.type === 'items') this.#itemsAhead -= event.items.length;
    return Promise.resolve(event);
  }

  /** Sends the part of `item` that may be sent; returns the stop string that ends the answer, if any. */
  #emit(item: StepItem): string | undefined {
    if (item.text === undefined) {
      this.#push({ type: 'items', items: [item], stepMs: 1 });
      return undefined;
    }
    const { text, matched } = this.#stops.push(item.text);
    if (text !== '') this.#push({ type: 'items', items: [{ text }], stepMs: 1 });
    return matched;
  }

  #finish(reason: FinishReason): void {
    const rest = this.#stops.end();
    if (rest !== '') this.#push({ type: 'items', items: [{ text: rest }] });
    const { failure } = this.plan;
    if (failure === undefined) this.#done({ reason });
    else this.fail(failure.code, failure.message);
  }

  #done(finish: { readonly reason: FinishReason; readonly matchedStop?: string }): void {
    this.#hasEnded = true;
    const nowMs = performance.now();
    const admittedMs = this.#admittedMs ?? nowMs;
    const prefilledMs = this.#prefilledMs ?? nowMs;
    this.#push({
      type: 'done',
      finish: [finish],
      usage: {
        promptTokens: this.plan.body.promptTokens,
        completionTokens: this.#completionTokens,
        cachedTokens: 0,
        reasoningTokens: this.#reasoningTokens,
      },
      timings: {
        queueMs: admittedMs - this.#arrivedMs,
        promptMs: Math.max(0, prefilledMs - admittedMs),
        firstTokenMs:
          this.#firstTokenMs === undefined ? undefined : this.#firstTokenMs - this.#arrivedMs,
        decodeMs: nowMs - prefilledMs,
      },
    });
  }

  #push(event: EngineEvent): void {
    const resolve = this.#waiting;
    this.#waiting = undefined;
    if (resolve !== undefined) return resolve(event);
    if (event.type === 'items') this.#itemsAhead += event.items.length;
    this.#events.push(event);
  }
}
