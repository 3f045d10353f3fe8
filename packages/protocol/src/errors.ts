/** How one error code looks to callers. Clients match these strings: removing or renaming one is a breaking change. */
interface ErrorRow {
  readonly status: number;
  /** `wait`: the answer carries `Retry-After`. `stop`: the same request will fail again. */
  readonly retry: 'wait' | 'stop' | 'maybe';
}

/**
 * Every error that leaves cortex or neuron, by code.
 *
 * `model_load_failed` is the permanent case (a broken file); `model_load_failed` raised with `transient` is served
 * as 503 with the remaining back-off.
 */
export const ERROR_CODES = {
  invalid_request: { status: 400, retry: 'stop' },
  missing_model_field: { status: 400, retry: 'stop' },
  malformed_json: { status: 400, retry: 'stop' },
  unsupported_media_type: { status: 415, retry: 'stop' },
  context_length_exceeded: { status: 400, retry: 'stop' },
  unsupported_parameter: { status: 400, retry: 'stop' },
  vision_unsupported: { status: 400, retry: 'stop' },
  wrong_modality: { status: 422, retry: 'stop' },
  template_render_failed: { status: 422, retry: 'stop' },
  invalid_api_key: { status: 401, retry: 'stop' },
  forbidden: { status: 403, retry: 'stop' },
  model_not_allowed: { status: 403, retry: 'stop' },
  model_not_found: { status: 404, retry: 'stop' },
  model_not_loaded: { status: 404, retry: 'stop' },
  request_too_large: { status: 413, retry: 'stop' },
  prompt_too_long_for_vram: { status: 413, retry: 'stop' },
  conflict: { status: 409, retry: 'stop' },
  model_load_failed: { status: 422, retry: 'stop' },
  rate_limit_exceeded: { status: 429, retry: 'wait' },
  insufficient_quota: { status: 429, retry: 'stop' },
  client_closed_request: { status: 499, retry: 'stop' },
  internal_error: { status: 500, retry: 'maybe' },
  node_unreachable: { status: 502, retry: 'maybe' },
  node_protocol_error: { status: 502, retry: 'maybe' },
  upstream_disconnected: { status: 502, retry: 'maybe' },
  no_healthy_node: { status: 503, retry: 'wait' },
  no_capacity: { status: 503, retry: 'wait' },
  queue_full: { status: 503, retry: 'wait' },
  model_loading: { status: 503, retry: 'wait' },
  insufficient_vram: { status: 503, retry: 'wait' },
  node_recovering: { status: 503, retry: 'wait' },
  shutting_down: { status: 503, retry: 'wait' },
  node_timeout: { status: 504, retry: 'maybe' },
  load_timeout: { status: 504, retry: 'maybe' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_CODES;

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CODES, code);

/** A load or pull in progress, which tells a caller what the request waits for. */
export interface LoadingState {
  readonly state: string;
  readonly node?: string | undefined;
  /** 0 to 1; absent when unknown. */
  readonly progress?: number | undefined;
  readonly eta_s?: number | undefined;
}

export interface ErrorDetails {
  /** Path of the invalid field in the request body, such as `messages[0].role`. */
  readonly param?: string | undefined;
  /** Seconds until a retry is useful; sent as `Retry-After`, rounded to whole seconds from 1 to 60. */
  readonly retryAfterS?: number | undefined;
  readonly loading?: LoadingState | undefined;
  /** `model_load_failed` only: 503 instead of 422, because the cause can be temporary. */
  readonly transient?: boolean | undefined;
  /** What was decided about the request, in sentences, for the log and `x-cortex-explain`; it is not part of the body. */
  readonly explanation?: readonly string[] | undefined;
  /** Additional members of the error object (`device`, `missing_mb`, `keys`). */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** `seconds` as `Retry-After` may say it: whole, from 1 to 60, because clients stop retrying above 60. */
export const toRetryAfterS = (seconds: number): number =>
  Number.isNaN(seconds) ? 1 : Math.min(60, Math.max(1, Math.ceil(seconds)));

/** The one error class. Matched by `code`, rendered by one function per dialect, logged once at the edge. */
export class CortexError extends Error {
  override readonly name = 'CortexError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return this.#isTransient ? 503 : ERROR_CODES[this.code].status;
  }

  /** As `toRetryAfterS`, or undefined for errors without `Retry-After`. */
  get retryAfterS(): number | undefined {
    if (!this.#isTransient && ERROR_CODES[this.code].retry !== 'wait') return undefined;
    return toRetryAfterS(this.details.retryAfterS ?? 1);
  }

  /** False when the same request would fail again: every 4xx except `rate_limit_exceeded`. */
  get isRetryable(): boolean {
    return this.#isTransient || ERROR_CODES[this.code].retry !== 'stop';
  }

  get #isTransient(): boolean {
    return this.code === 'model_load_failed' && this.details.transient === true;
  }
}

/** Any thrown value as a `CortexError`. Other values become `internal_error`, with the original in `cause`. */
export function toCortexError(thrown: unknown): CortexError {
  if (thrown instanceof CortexError) return thrown;
  return new CortexError('internal_error', 'An internal error occurred.', { cause: thrown });
}

/** The error for a prompt that does not fit, in the words that OpenAI clients recognise. */
export function contextLengthExceeded(counts: {
  readonly promptTokens: number;
  readonly maxTokens: number;
}): CortexError {
  return new CortexError(
    'context_length_exceeded',
    `This model's maximum context length is ${counts.maxTokens} tokens, but the prompt has ${counts.promptTokens} tokens.`,
    { param: 'messages' },
  );
}
