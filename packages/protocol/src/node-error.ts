/** Errors as nodes write them, in a body or in an event: OpenAI's envelope, or what other servers have in its place. */
import { z } from 'zod';

import { CortexError, ERROR_CODES, type ErrorCode, isErrorCode } from './errors.ts';
import { isJsonObject, type JsonObject } from './json/json-object.ts';

/** Codes for servers that send only a status, or a code that is not ours. */
const CODE_BY_STATUS: ReadonlyMap<number, ErrorCode> = new Map([
  [404, 'model_not_found'],
  [413, 'request_too_large'],
  [429, 'rate_limit_exceeded'],
  [503, 'no_capacity'],
  [504, 'node_timeout'],
  [529, 'no_capacity'],
  // These concern the credentials of cortex, not those of the client.
  [401, 'node_protocol_error'],
  [403, 'node_protocol_error'],
  [407, 'node_protocol_error'],
]);

const isErrorStatus = (status: unknown): status is number =>
  typeof status === 'number' && Number.isInteger(status) && status >= 400 && status < 600;

/**
 * The object that describes the error in a body or an event of a node; undefined: it has none. Some servers write the
 * error as text, some without an envelope.
 */
export function nodeErrorIn(body: unknown): JsonObject | undefined {
  if (!isJsonObject(body)) return undefined;
  const { error, object } = body;
  if (object === 'error') return body;
  if (error === undefined || error === null || error === false) return undefined;
  if (isJsonObject(error)) return error;
  return typeof error === 'string' ? { message: error } : {};
}

/** The status that an error has, or would have had before the first byte of its answer; 502 if it says nothing of it. */
export function statusOfNodeError({ status, code }: JsonObject): number {
  if (isErrorStatus(status)) return status;
  if (isErrorStatus(code)) return code;
  return typeof code === 'string' && isErrorCode(code) ? ERROR_CODES[code].status : 502;
}

/** Our code for an error of a node: its own if we know it, else the one that says most for the status. */
function codeFor(code: unknown, status: number): ErrorCode {
  if (typeof code === 'string' && isErrorCode(code)) return code;
  const isOfClient = status >= 400 && status < 500;
  return CODE_BY_STATUS.get(status) ?? (isOfClient ? 'invalid_request' : 'node_protocol_error');
}

/** A member that is left out if it has another type: the error matters more than its details. */
const known = <T>(shape: z.ZodType<T>) => shape.optional().catch(undefined);

/** Members of an error object that say what the request waits for, and what is missing. */
const Details = z.object({
  retry_after_s: known(z.number()),
  loading: known(
    z.object({
      state: z.string(),
      node: known(z.string()),
      progress: known(z.number()),
      eta_s: known(z.number()),
    }),
  ),
  device: known(z.number()),
  missing_mb: known(z.number()),
  keys: known(z.array(z.string())),
});

/**
 * The error of a node for a client that does not get its bytes, with the members that every API has.
 *
 * @param retryAfterS - `Retry-After` of its answer; absent: the error object may say it.
 * @param otherwise - The message for an error without one.
 */
export function readNodeError(
  nodeError: JsonObject,
  {
    status,
    retryAfterS,
    otherwise,
  }: {
    readonly status: number;
    readonly retryAfterS?: number | undefined;
    readonly otherwise: string;
  },
): CortexError {
  const { code, message, param } = nodeError;
  const { retry_after_s: toldS, loading, ...extra } = Details.parse(nodeError);
  return new CortexError(
    codeFor(code, status),
    typeof message === 'string' && message !== '' ? message : otherwise,
    {
      param: typeof param === 'string' ? param : undefined,
      retryAfterS: retryAfterS ?? toldS,
      transient: status === 503,
      loading,
      extra,
    },
  );
}
