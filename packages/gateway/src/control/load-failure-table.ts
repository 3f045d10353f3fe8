import type { LoadFailure, LoadFailures } from '@cortex/fleet';
import type { CortexError } from '@cortex/protocol';

const STRUCTURAL: ReadonlySet<string> = new Set([
  'model_load_failed',
  'model_not_found',
  'invalid_request',
  'unsupported_parameter',
]);
/** Per node; beyond it the oldest entry is dropped. Needed because nodes choose the model names. */
const MAX_MODELS = 1_000;
/** Length to which a reason from a node is shortened. */
const MAX_REASON_CHARS = 2_000;
/** A client that repeats its request repeats the failure: its log lines come at most this often. */
const LOG_EVERY_MS = 60_000;

interface Entry {
  readonly failure: LoadFailure;
  /** Monotonic. */
  readonly recordedMs: number;
  /** When a failure like this one was last logged; monotonic. */
  readonly loggedMs: number;
}

interface LoadAttempt {
  readonly node: string;
  readonly model: string;
  readonly nowMs: number;
}

function isTransient(error: CortexError): boolean {
  return error.details.transient === true || !STRUCTURAL.has(error.code);
}

/** The text of a temporary reason changes with every attempt, for example the memory that is missing. */
const isAlike = (a: LoadFailure, b: LoadFailure): boolean =>
  a.reason === b.reason || (a.isTransient && b.isTransient);

/**
 * Failed loads by node and model.
 *
 * The back-off of behaviour 24 is kept by the node: it repeats the reason at once until its back-off or the cause ends,
 * and tells how much of the back-off is left. A request that was waiting when the load failed gets the reason; a later
 * request asks the node again.
 */
export class LoadFailureTable {
  readonly #byNode = new Map<string, Map<string, Entry>>();

  /** The failures that apply to a request that arrived at `arrivedMs`: those since then. */
  seenBy(arrivedMs: number): LoadFailures {
    return {
      failure: (node, model) => {
        const entry = this.#byNode.get(node)?.get(model);
        return entry !== undefined && entry.recordedMs >= arrivedMs ? entry.failure : undefined;
      },
    };
  }

  /** Whether the load repeats one whose failure was logged a moment ago. */
  isLoggedRepeat({ node, model, nowMs }: LoadAttempt): boolean {
    const entry = this.#byNode.get(node)?.get(model);
    return entry !== undefined && nowMs - entry.loggedMs < LOG_EVERY_MS;
  }

  /**
   * Records a failure. A caller can retry when the back-off that the node told has passed.
   *
   * @returns whether to log it: false if one like it was logged a moment ago
   */
  record(attempt: LoadAttempt, error: CortexError): boolean {
    const { node, model, nowMs } = attempt;
    const byModel = this.#byNode.get(node) ?? new Map<string, Entry>();
    const failure = {
      reason: error.message.slice(0, MAX_REASON_CHARS),
      retryAtMs: nowMs + (error.details.retryAfterS ?? 0) * 1000,
      isTransient: isTransient(error),
    };
    const last = byModel.get(model);
    const isRepeat =
      last !== undefined && isAlike(last.failure, failure) && this.isLoggedRepeat(attempt);
    const loggedMs = isRepeat ? last.loggedMs : nowMs;
    // Moved to the end: the first key is the oldest one.
    byModel.delete(model);
    byModel.set(model, { failure, recordedMs: nowMs, loggedMs });
    const [oldest] = byModel.keys();
    if (byModel.size > MAX_MODELS && oldest !== undefined) byModel.delete(oldest);
    this.#byNode.set(node, byModel);
    return !isRepeat;
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
