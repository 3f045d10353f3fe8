import { CortexError, NEURON_HEADERS, renderErrorEvent, SSE_DONE } from '@cortex/protocol';

import { type WireHeaders } from '../wire/response-parser.ts';

/** An answer of a node that was read whole: not streamed, or refused. The client gets its bytes unchanged. */
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

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The `error` object of an OpenAI envelope; undefined if there is none. */
function readEnvelope(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(body) && isRecord(body['error']) ? body['error'] : undefined;
  } catch {
    // The answer is not from a neuron: only its status is known.
    return undefined;
  }
}

/** The code of a node's error; undefined if there is none. */
export function errorCodeOf({ bytes }: WholeAnswer): string | undefined {
  const code = readEnvelope(bytes)?.['code'];
  return typeof code === 'string' ? code : undefined;
}

/**
 * Checks that an answer can be relayed.
 *
 * @throws CortexError node_protocol_error if it is compressed, or a redirect: clients follow a redirect with the prompt,
 * and a node must not choose where prompts go
 */
export function checkHead(
  { status, headers }: Pick<WholeAnswer, 'status' | 'headers'>,
  node: string,
): void {
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new CortexError(
      'node_protocol_error',
      `Node ${node} compressed its answer, which cortex did not ask for.`,
    );
  if (status >= 300 && status < 400 && status !== 304)
    throw new CortexError(
      'node_protocol_error',
      `Node ${node} answered with a redirect (status ${status}).`,
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

/** The last event of a stream that has started, with status and code for the record. */
interface LateAnswer {
  readonly event: string;
  readonly status: number;
  readonly code: string;
}

/** Renders a whole answer as the last event of a stream that has started. */
export function renderAnswerAsEvent(answer: WholeAnswer, requestId: string): LateAnswer {
  const { status, headers, bytes } = answer;
  const envelope = status >= 400 ? readEnvelope(bytes) : undefined;
  if (envelope === undefined) {
    const error = new CortexError(
      'node_protocol_error',
      `The node answered with status ${status} instead of a stream.`,
    );
    const event = renderErrorEvent(error, 'openai', requestId);
    return { event, status: error.status, code: error.code };
  }
  const retryAfter = Number(headers['retry-after'] ?? Number.NaN);
  // `JSON.stringify` leaves out what is undefined.
  const late = { status, retry_after_s: Number.isFinite(retryAfter) ? retryAfter : undefined };
  return {
    event: `data: ${JSON.stringify({ error: { ...envelope, ...late } })}\n\n${SSE_DONE}`,
    status,
    code: errorCodeOf(answer) ?? 'unknown',
  };
}
