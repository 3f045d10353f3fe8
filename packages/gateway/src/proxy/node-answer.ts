import {
  CortexError,
  type JsonObject,
  NEURON_HEADERS,
  nodeErrorIn,
  readNodeError,
} from '@cortex/protocol';

import { type AcquireRequest, type Lease } from '../control/control.ts';
import { tokenRefusal } from '../nodes/token-refusal.ts';
import { type WireHeaders } from '../wire/response-parser.ts';
import { retryAfterOf } from './headers.ts';

/** An answer of a node that was read whole: not streamed, or refused. */
export interface WholeAnswer {
  readonly kind: 'whole';
  readonly status: number;
  readonly headers: WireHeaders;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** An answer of a node whose events follow. */
export interface StreamAnswer {
  readonly kind: 'stream';
  readonly headers: WireHeaders;
  readonly body: AsyncIterable<Uint8Array>;
}

export type NodeAnswer = WholeAnswer | StreamAnswer;

/** The error object of an answer; undefined if there is none. */
function readEnvelope(bytes: Uint8Array): JsonObject | undefined {
  try {
    return nodeErrorIn(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    // The answer is not from a neuron: only its status is known.
    return undefined;
  }
}

/** The code of a node's error; undefined if there is none. */
function errorCodeOf({ bytes }: WholeAnswer): string | undefined {
  const code = readEnvelope(bytes)?.['code'];
  return typeof code === 'string' ? code : undefined;
}

/** Statuses whose answers never have a body (Fetch standard, "null body status"). */
const HAS_NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** The code in a node's error answer, for the record; undefined for a good answer. */
export const codeOfAnswer = (answer: WholeAnswer): string | undefined =>
  answer.status >= 400 ? (errorCodeOf(answer) ?? 'unknown') : undefined;

/** Whether the answer is a stream of events. */
export const isEventStream = ({ status, headers }: Pick<WholeAnswer, 'status' | 'headers'>) =>
  status === 200 && /^text\/event-stream(?:\s*;|$)/i.test(headers['content-type'] ?? '');

const isCompressed = ({ headers }: Pick<WholeAnswer, 'headers'>): boolean =>
  !/^(?:identity)?$/i.test(headers['content-encoding'] ?? '');

/** The form of the answer that a request asked for. */
interface ExpectedAnswer {
  /** Whether the route has streamed answers. Without them, any answer is relayed whole. */
  readonly canStream: boolean;
  readonly place: Pick<AcquireRequest, 'stream'>;
}

/**
 * Checks that an answer can be relayed: that it is in the form that was asked for.
 *
 * @throws CortexError node_protocol_error if it is compressed, has no body, refuses cortex, is a stream and should not
 * be one or the other way round, or is a redirect: clients follow a redirect with the prompt, and a node must not
 * choose where prompts go
 */
export function checkHead(
  head: Pick<WholeAnswer, 'status' | 'headers'>,
  { node, hasToken }: Pick<Lease, 'node' | 'hasToken'>,
  { canStream, place: { stream } }: ExpectedAnswer,
): void {
  const { status } = head;
  const refusal = tokenRefusal(status, { node, hasToken });
  if (refusal !== undefined) throw refusal;
  const wrong = (what: string): CortexError =>
    new CortexError('node_protocol_error', `Node ${node} ${what}.`);
  if (isCompressed(head)) throw wrong('compressed its answer, which cortex did not ask for');
  if (HAS_NO_BODY.has(status)) throw wrong(`answered with status ${status}, which has no body`);
  if (status >= 300 && status < 400) throw wrong(`answered with a redirect (status ${status})`);
  if (status >= 400 || !canStream || isEventStream(head) === stream) return;
  throw wrong(
    stream
      ? `answered with status ${status} instead of a stream`
      : 'answered with a stream, which the request did not ask for',
  );
}

/**
 * Checks that an answer that was read whole can be relayed.
 *
 * @throws CortexError node_protocol_error for an answer without a body, or a web page, that is not an error
 */
export function checkWhole({ status, headers, bytes }: WholeAnswer, node: string): void {
  if (status >= 400) return;
  const isPage = /^text\/html\b/i.test(headers['content-type'] ?? '');
  if (bytes.length > 0 && !isPage) return;
  const what = isPage ? 'a web page: check its endpoint in cortex.toml' : 'an empty body';
  throw new CortexError(
    'node_protocol_error',
    `Node ${node} answered with status ${status} and ${what}.`,
  );
}

/** Codes with which neuron refuses before it does any work, so that another replica may be tried. */
const RETRIED = ['model_not_loaded', 'queue_full', 'node_recovering', 'shutting_down'] as const;
export type RefusalCode = (typeof RETRIED)[number];

/** The code of a refusal without any work; undefined if the answer is final (behaviour 7). */
export function refusalOf(answer: WholeAnswer): RefusalCode | undefined {
  if (answer.status < 400 || answer.headers[NEURON_HEADERS.refused] !== '1') return undefined;
  const code = errorCodeOf(answer);
  return RETRIED.find((retried) => retried === code);
}

/** A refusal of a node for a client that does not get its bytes. */
export interface ReadRefusal {
  readonly error: CortexError;
  /** The error object of the node, with the status and `Retry-After` that its answer had. */
  readonly nodeError: JsonObject | undefined;
}

/** Reads an error answer. One without an error object becomes `node_protocol_error`. */
export function readRefusal(
  { status, headers, bytes }: WholeAnswer,
  node = 'unknown',
): ReadRefusal {
  const envelope = readEnvelope(bytes);
  if (envelope === undefined) {
    const error = new CortexError(
      'node_protocol_error',
      `Node ${node} answered with status ${status} and no error.`,
    );
    return { error, nodeError: undefined };
  }
  const error = readNodeError(envelope, {
    status,
    retryAfterS: retryAfterOf(headers),
    otherwise: `Node ${node} answered with status ${status}.`,
  });
  return { error, nodeError: { ...envelope, status, retry_after_s: error.details.retryAfterS } };
}
