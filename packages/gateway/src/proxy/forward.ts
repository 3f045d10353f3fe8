import { renderErrorEvent, SSE_KEEP_ALIVE, toHeaderText } from '@cortex/protocol';
import { errorResponse, EVENT_STREAM_HEADERS, streamResponse } from '@cortex/service';

import { type Exchange } from './exchange.ts';
import { EXPLAIN_HEADER, explainHeader } from './explain-header.ts';
import { toClientHeaders } from './headers.ts';
import {
  codeOfAnswer,
  type NodeAnswer,
  renderAnswerAsEvent,
  type WholeAnswer,
} from './node-answer.ts';
import { relay, type StreamDialect } from './relay.ts';

/** How long the status of a stream is held back for the answer of the node (behaviour 4). */
const HOLD_MS = 1000;
/** Interval between keep-alive comments while the stream is silent. */
const KEEP_ALIVE_MS = 5000;

/** Headers of every answer to an inference request. */
function ownHeaders(exchange: Exchange): Record<string, string> {
  const { meter } = exchange;
  const headers: Record<string, string> = { 'x-request-id': meter.requestId };
  if (meter.model !== undefined) headers['x-cortex-model'] = toHeaderText(meter.model);
  if (meter.node !== undefined) headers['x-cortex-node'] = toHeaderText(meter.node);
  if (meter.isColdStart) {
    headers['x-cortex-cold-start'] = 'true';
    if (meter.explanation) headers[EXPLAIN_HEADER] = explainHeader(meter.explanation);
  }
  return headers;
}

const streamHeaders = (exchange: Exchange): Record<string, string> => ({
  ...EVENT_STREAM_HEADERS,
  ...ownHeaders(exchange),
});

const openAiDialect = (exchange: Exchange): StreamDialect => ({
  errorEvent: (error) => renderErrorEvent(error, 'openai', exchange.meter.requestId),
});

/** For a client that has disconnected. It is never read, but every handler has to return a response. */
const leftResponse = (): Response => new Response(null, { status: 499 });

function refuse(exchange: Exchange, thrown: unknown): Response {
  const headers = ownHeaders(exchange);
  const hasLeft = exchange.isEnded;
  const error = exchange.fail(thrown);
  if (hasLeft) return leftResponse();
  const { explanation } = error.details;
  if (explanation) headers[EXPLAIN_HEADER] = explainHeader(explanation);
  return errorResponse(error, {
    dialect: 'openai',
    requestId: exchange.meter.requestId,
    headers,
  });
}

function answerWhole(exchange: Exchange, answer: WholeAnswer): Response {
  const { status, bytes } = answer;
  const headers = Object.assign(toClientHeaders(answer.headers), ownHeaders(exchange));
  const response = new Response(bytes, { status, headers });
  // After the response is built: a request whose answer cannot be built has not succeeded.
  exchange.end(status, codeOfAnswer(answer));
  return response;
}

function answerWith(exchange: Exchange, answer: NodeAnswer): Response {
  if (answer.kind === 'whole') return answerWhole(exchange, answer);
  return streamResponse(relay(exchange, answer, openAiDialect(exchange)), streamHeaders(exchange));
}

/** The result of `opening`, or undefined if it has not settled after about `ms`. */
function settledWithin<T>(
  exchange: Exchange,
  opening: Promise<T>,
  ms: number,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const late = exchange.deps.deadlines.set(ms, () => resolve(undefined));
    opening.then(
      (value) => {
        late.cancel();
        return resolve(value);
      },
      (error: unknown) => {
        late.cancel();
        reject(error);
      },
    );
  });
}

/**
 * The body of a stream whose status was sent before its node answered: comments, then the node's events or one
 * error.
 */
async function* hold(
  exchange: Exchange,
  opening: Promise<NodeAnswer>,
): AsyncGenerator<Uint8Array | string, void> {
  const dialect = openAiDialect(exchange);
  try {
    let answer: NodeAnswer | undefined;
    while (answer === undefined) {
      yield SSE_KEEP_ALIVE;
      if (exchange.isEnded) return;
      answer = await settledWithin(exchange, opening, KEEP_ALIVE_MS);
    }
    if (answer.kind === 'stream') {
      yield* relay(exchange, answer, dialect);
      return;
    }
    const { requestId, node = 'unknown' } = exchange.meter;
    const { event, status, code } = renderAnswerAsEvent(answer, { node, requestId });
    exchange.end(status, code);
    yield event;
  } catch (thrown) {
    if (exchange.isEnded) return;
    yield dialect.errorEvent(exchange.fail(thrown));
  } finally {
    exchange.leave();
  }
}

/** Answers a request that is not streamed: no byte before the node's whole answer. */
export async function forwardWhole(exchange: Exchange): Promise<Response> {
  try {
    return answerWith(exchange, await exchange.open());
  } catch (error) {
    return refuse(exchange, error);
  }
}

/** Answers a streamed request by the commit rule (behaviour 4). */
export async function forwardStream(exchange: Exchange): Promise<Response> {
  const opening = exchange.open();
  try {
    const answer = await settledWithin(exchange, opening, HOLD_MS);
    if (answer !== undefined) return answerWith(exchange, answer);
    return streamResponse(hold(exchange, opening), streamHeaders(exchange));
  } catch (error) {
    return refuse(exchange, error);
  }
}
