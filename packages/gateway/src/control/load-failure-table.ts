import type { LoadFailure, LoadFailures } from '@cortex/fleet';
import type { CortexError } from '@cortex/protocol';

/** A failed load is tried again after this, doubled with every further failure. */
const FIRST_BACK_OFF_MS = 10_000;
const MAX_BACK_OFF_MS = 300_000;
/** A node that could not be reached did not fail to load: whether it is down is for the polls to say. */
const UNREACHED_BACK_OFF_MS = 1_000;

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

/** Per node; beyond it the oldest is forgotten. Nodes name the models. */
const MAX_MODELS = 1_000;
/** What callers are told of a failure: more than any sentence, less than what a node may send. */
const MAX_REASON_CHARS = 2_000;

interface Entry {
  readonly failure: LoadFailure;
  readonly failures: number;
}

function isTransient(error: CortexError): boolean {
  return error.details.transient === true || !STRUCTURAL.has(error.code);
}

/** Failed loads by node and model, so that callers get the reason at once instead of another attempt each (behaviour 24). */
export class LoadFailureTable implements LoadFailures {
  readonly #byNode = new Map<string, Map<string, Entry>>();

  failure(node: string, model: string): LoadFailure | undefined {
    return this.#byNode.get(node)?.get(model)?.failure;
  }

  /** Remembers a failure and how long to leave it alone: 10 s, doubled up to 5 min; at least what the node asked for. */
  record(call: { node: string; model: string; nowMs: number }, error: CortexError): LoadFailure {
    const byModel = this.#byNode.get(call.node) ?? new Map<string, Entry>();
    const failures = (byModel.get(call.model)?.failures ?? 0) + 1;
    const grownMs = Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** Math.min(failures - 1, 10));
    const askedMs = (error.details.retryAfterS ?? 0) * 1000;
    const backOffMs = UNREACHED.has(error.code)
      ? UNREACHED_BACK_OFF_MS
      : Math.max(grownMs, Math.min(askedMs, MAX_BACK_OFF_MS));
    const failure = {
      reason: error.message.slice(0, MAX_REASON_CHARS),
      retryAtMs: call.nowMs + backOffMs,
      isTransient: isTransient(error),
    };
    byModel.set(call.model, { failure, failures });
    const [oldest] = byModel.keys();
    if (byModel.size > MAX_MODELS && oldest !== undefined) byModel.delete(oldest);
    this.#byNode.set(call.node, byModel);
    return failure;
  }

  clear(node: string, model: string): void {
    const byModel = this.#byNode.get(node);
    byModel?.delete(model);
    if (byModel?.size === 0) this.#byNode.delete(node);
  }

  /** Forgets all failures: what was wrong may have been the configuration. */
  forgetAll(): void {
    this.#byNode.clear();
  }
}
