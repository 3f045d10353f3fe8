import { renderErrorEvent, SSE_KEEP_ALIVE } from '@cortex/protocol';
import { errorResponse } from '@cortex/service';

import { codeOfAnswer, type Exchange } from './exchange.ts';
import { toClientHeaders } from './headers.ts';
import { type NodeAnswer, renderAnswerAsEvent, type WholeAnswer } from './node-answer.ts';
import { relay, type StreamVoice } from './relay.ts';
import { streamResponse } from './stream-response.ts';

/** How long a stream's status line is held for the real one (behaviour 4). */
const HOLD_MS = 1000;
/** Pause between two comments while nothing else can be sent. */
const KEEP_ALIVE_MS = 5000;

/** What every answer of an inference request carries. */
function ownHeaders(exchange: Exchange): Record<string, string> {
  const { meter, lease } = exchange;
  const headers: Record<string, string> = { 'x-request-id': meter.requestId };
  if (meter.model !== undefined) headers['x-cortex-model'] = meter.model;
  if (lease !== undefined) {
    headers['x-cortex-node'] = lease.node;
    if (lease.coldStart) headers['x-cortex-cold-start'] = 'true';
  }
  return headers;
}

function streamHeaders(exchange: Exchange): Record<string, string> {
  return {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    ...ownHeaders(exchange),
  };
}

const openAiVoice = (exchange: Exchange): StreamVoice => ({
  errorEvent: (error) => renderErrorEvent(error, 'openai', exchange.meter.requestId),
});

/** The client has left: nobody reads this, but every handler settles. */
const leftResponse = (): Response => new Response(null, { status: 499 });

function refuse(exchange: Exchange, thrown: unknown): Response {
  const headers = ownHeaders(exchange);
  const hasLeft = exchange.isEnded;
  const error = exchange.fail(thrown);
  if (hasLeft) return leftResponse();
  return errorResponse(error, {
    dialect: 'openai',
    requestId: exchange.meter.requestId,
    headers,
  });
}

function answerWhole(exchange: Exchange, answer: WholeAnswer): Response {
  const headers = Object.assign(toClientHeaders(answer.headers), ownHeaders(exchange));
  exchange.end(answer.status, codeOfAnswer(answer));
  return new Response(answer.bytes, { status: answer.status, headers });
}

function answerWith(exchange: Exchange, answer: NodeAnswer): Response {
  if (answer.kind === 'whole') return answerWhole(exchange, answer);
  return streamResponse(relay(exchange, answer, openAiVoice(exchange)), streamHeaders(exchange));
}

/** What `opening` gave, or undefined when it has not settled after about `ms`. */
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

/** A stream that was committed before its node answered: comments until then, then the node's events or one error. */
async function* hold(
  exchange: Exchange,
  opening: Promise<NodeAnswer>,
): AsyncGenerator<Uint8Array | string, void> {
  const voice = openAiVoice(exchange);
  try {
    let answer: NodeAnswer | undefined;
    while (answer === undefined) {
      yield SSE_KEEP_ALIVE;
      if (exchange.isEnded) return;
      answer = await settledWithin(exchange, opening, KEEP_ALIVE_MS);
    }
    if (answer.kind === 'stream') {
      yield* relay(exchange, answer, voice);
      return;
    }
    const event = renderAnswerAsEvent(answer, exchange.meter.requestId);
    exchange.end(answer.status, codeOfAnswer(answer) ?? 'node_protocol_error');
    yield event;
  } catch (thrown) {
    if (exchange.isEnded) return;
    yield voice.errorEvent(exchange.fail(thrown));
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
