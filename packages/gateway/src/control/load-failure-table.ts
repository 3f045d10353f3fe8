import type { LoadFailure, LoadFailures } from '@cortex/fleet';
import type { CortexError } from '@cortex/protocol';

/** Retry time that clients get after a failed load, doubled with every further one. */
const FIRST_BACK_OFF_MS = 10_000;
const MAX_BACK_OFF_MS = 300_000;
/** An unreachable node has not failed to load. The polls decide whether it is down. */
const UNREACHED_BACK_OFF_MS = 1_000;
/**
 * Number of times that a node may repeat a reason, each within two seconds of the last, before loads are paused.
 */
const FREE_REPEATS = 10;
const REPEAT_MS = 2_000;
/** Pause before the next load then, doubled up to a second. */
const FIRST_HOLD_MS = 20;
const MAX_HOLD_MS = 1_000;

const STRUCTURAL: ReadonlySet<string> = new Set([
  'model_load_failed',
  'model_not_found',
  'invalid_request',
  'unsupported_parameter',
]);
const UNREACHED: ReadonlySet<string> = new Set([
  'node_unreachable',
  'node_timeout',
  'shutting_down',
  'conflict',
]);

/** Per node; beyond it the oldest entry is dropped. Needed because nodes choose the model names. */
const MAX_MODELS = 1_000;
/** Length to which a reason from a node is shortened. */
const MAX_REASON_CHARS = 2_000;

interface Entry {
  readonly failure: LoadFailure;
  readonly recordedMs: number;
  /** Later requests try the node again from this time on. */
  readonly heldUntilMs: number;
  /** Failures after the end of the back-off before. */
  readonly rounds: number;
  /** Number of times this reason came in quick succession. */
  readonly repeats: number;
}

function isTransient(error: CortexError): boolean {
  return error.details.transient === true || !STRUCTURAL.has(error.code);
}

/** The reason with all numbers replaced, so that reasons that differ only in numbers are equal. */
const withoutNumbers = (reason: string): string => reason.replaceAll(/\d+/g, '0');

/**
 * Failed loads by node and model.
 *
 * The node remembers why a load failed, repeats the reason at once, and knows when its cause ends: a file is back,
 * memory is free, settings are corrected. A request that was waiting when the load failed gets the reason; a later
 * request tries the node again. Only a node that keeps giving the same reason is not tried for up to a second.
 */
export class LoadFailureTable {
  readonly #byNode = new Map<string, Map<string, Entry>>();

  /** The failures that apply to a request that arrived at `arrivedMs`. */
  seenBy(arrivedMs: number, nowMs: number): LoadFailures {
    return {
      failure: (node, model) => {
        const entry = this.#byNode.get(node)?.get(model);
        if (!entry) return undefined;
        const holds = entry.recordedMs >= arrivedMs || entry.heldUntilMs > nowMs;
        return holds ? entry.failure : undefined;
      },
    };
  }

  /**
   * Records a failure with its retry time: 10 s, doubled up to 5 min, and at least the time that the node asked
   * for.
   */
  record(call: { node: string; model: string; nowMs: number }, error: CortexError): LoadFailure {
    const { node, model, nowMs } = call;
    const byModel = this.#byNode.get(node) ?? new Map<string, Entry>();
    const entry = next(byModel.get(model), error, nowMs);
    byModel.set(model, entry);
    const [oldest] = byModel.keys();
    if (byModel.size > MAX_MODELS && oldest !== undefined) byModel.delete(oldest);
    this.#byNode.set(node, byModel);
    return entry.failure;
  }

  clear(node: string, model: string): void {
    const byModel = this.#byNode.get(node);
    byModel?.delete(model);
    if (byModel?.size === 0) this.#byNode.delete(node);
  }

  /** Forgets all failures, because the configuration may have caused them. */
  forgetAll(): void {
    this.#byNode.clear();
  }
}

function next(before: Entry | undefined, error: CortexError, nowMs: number): Entry {
  const reason = error.message.slice(0, MAX_REASON_CHARS);
  const isRepeated =
    before !== undefined && withoutNumbers(before.failure.reason) === withoutNumbers(reason);
  const isQuick = isRepeated && nowMs - before.recordedMs < REPEAT_MS;
  const repeats = isQuick ? before.repeats + 1 : 1;
  const isWithinBackOff = isRepeated && before.failure.retryAtMs > nowMs;
  const rounds = (before?.rounds ?? 0) + (isWithinBackOff ? 0 : 1);
  const isUnreached = UNREACHED.has(error.code);
  const grownMs = Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** Math.min(rounds - 1, 10));
  const askedMs = Math.min((error.details.retryAfterS ?? 0) * 1000, MAX_BACK_OFF_MS);
  const ownEndMs = isWithinBackOff ? before.failure.retryAtMs : nowMs + grownMs;
  const retryAtMs = isUnreached
    ? nowMs + UNREACHED_BACK_OFF_MS
    : Math.max(ownEndMs, nowMs + askedMs);
  const holdMs = isUnreached ? UNREACHED_BACK_OFF_MS : holdOf(repeats);
  const failure = { reason, retryAtMs, isTransient: isTransient(error) };
  return { failure, recordedMs: nowMs, heldUntilMs: nowMs + holdMs, rounds, repeats };
}

const holdOf = (repeats: number): number =>
  repeats <= FREE_REPEATS
    ? 0
    : Math.min(MAX_HOLD_MS, FIRST_HOLD_MS * 2 ** Math.min(repeats - FREE_REPEATS - 1, 10));
