/** What a simulation counts. */

/** A scheduler that breaks a rule so often would do so for ever. */
const MAX_VIOLATIONS = 1000;

export interface SimResult {
  readonly loads: number;
  readonly evictions: number;
  /** From arrival to the first step, ms, one for each request. */
  readonly waitsMs: readonly number[];
  /** Turns after the first of a conversation, and those of them that found their prefix. */
  readonly laterTurns: number;
  readonly prefixHits: number;
  readonly requests: number;
  readonly refused: number;
  readonly makespanMs: number;
  /** Mean wait by conversation, ms. */
  readonly waitByConversation: ReadonlyMap<string, number>;
  readonly violations: readonly string[];
}

export class Tally {
  loads = 0;
  evictions = 0;
  prefixHits = 0;
  laterTurns = 0;
  requests = 0;
  refused = 0;
  makespanMs = 0;
  readonly #waitsMs: number[] = [];
  readonly #byConversation = new Map<string, number[]>();
  readonly #violations: string[] = [];

  waited(conversation: string, ms: number): void {
    this.#waitsMs.push(ms);
    const waits = this.#byConversation.get(conversation);
    if (waits) waits.push(ms);
    else this.#byConversation.set(conversation, [ms]);
  }

  violated(text: string, nowMs: number): void {
    this.#violations.push(`${Math.round(nowMs)} ms: ${text}`);
    if (this.#violations.length > MAX_VIOLATIONS) throw new Error(text);
  }

  result(others: readonly string[]): SimResult {
    const { loads, evictions, prefixHits, laterTurns, requests, refused, makespanMs } = this;
    return {
      loads,
      evictions,
      prefixHits,
      laterTurns,
      requests,
      refused,
      makespanMs,
      waitsMs: this.#waitsMs,
      waitByConversation: new Map(
        [...this.#byConversation].map(([id, waits]) => [id, mean(waits)] as const),
      ),
      violations: [...this.#violations, ...others],
    };
  }
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
