import { type ErrorCode } from '@cortex/protocol';

/** `api` of metrics and records (contracts, section 5), for the routes that exist. */
export type Api =
  | 'chat'
  | 'completions'
  | 'messages'
  | 'count_tokens'
  | 'responses'
  | 'ollama'
  | 'embeddings'
  | 'rerank'
  | 'images'
  | 'audio'
  | 'tokenize'
  | 'models';

/** How a request ended (contracts, section 5). */
export type Outcome =
  | 'ok'
  | 'client_error'
  | 'unauthorized'
  | 'rate_limited'
  | 'not_found'
  | 'unavailable'
  | 'load_failed'
  | 'upstream_error'
  | 'timeout'
  | 'client_left'
  | 'internal';

/** The log line of a request, in the format of the log. It contains no key and no prompt. */
export interface RequestRecord {
  readonly level: 'info' | 'error';
  readonly time: string;
  readonly msg: 'request';
  readonly ts: string;
  readonly request_id: string;
  readonly api: Api;
  readonly principal: string;
  readonly model_asked: string | undefined;
  readonly model: string;
  readonly node: string;
  readonly stream: boolean;
  readonly outcome: Outcome;
  readonly status: number;
  readonly code: string | undefined;
  readonly attempts: number;
  readonly cold_start: boolean;
  readonly queue_ms: number;
  readonly load_ms: number | undefined;
  readonly first_token_ms: number | undefined;
  readonly total_ms: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cached_tokens: number;
  readonly reasoning_tokens: number;
  readonly total_tokens: number;
  readonly tok_s: number | undefined;
  readonly estimated: boolean;
  readonly affinity: 'hit' | 'moved' | 'none';
  /** What was decided about it, if it waited or was refused. */
  readonly explain: string | undefined;
}

const BY_CODE: ReadonlyMap<string, Outcome> = new Map<ErrorCode, Outcome>([
  ['client_closed_request', 'client_left'],
  ['invalid_api_key', 'unauthorized'],
  ['forbidden', 'unauthorized'],
  ['model_not_allowed', 'unauthorized'],
  ['rate_limit_exceeded', 'rate_limited'],
  ['insufficient_quota', 'rate_limited'],
  ['model_not_found', 'not_found'],
  ['model_load_failed', 'load_failed'],
  ['internal_error', 'internal'],
  ['node_unreachable', 'upstream_error'],
  ['node_protocol_error', 'upstream_error'],
  ['upstream_disconnected', 'upstream_error'],
  ['node_timeout', 'timeout'],
  ['load_timeout', 'timeout'],
]);

/** The outcome for a status and the code of an error, of cortex or of a node. */
export function outcomeOf(status: number, code: string | undefined): Outcome {
  if (status < 400 && code === undefined) return 'ok';
  const outcome = code === undefined ? undefined : BY_CODE.get(code);
  return outcome ?? outcomeOfStatus(status);
}

function outcomeOfStatus(status: number): Outcome {
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 404) return 'not_found';
  if (status === 429) return 'rate_limited';
  if (status === 499) return 'client_left';
  if (status >= 400 && status < 500) return 'client_error';
  if (status === 503) return 'unavailable';
  return status === 504 ? 'timeout' : 'upstream_error';
}
