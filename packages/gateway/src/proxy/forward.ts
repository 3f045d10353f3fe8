import { type AnswerStream } from '@cortex/protocol';
import { errorResponse, EVENT_STREAM_HEADERS, streamResponse } from '@cortex/service';

import { type Exchange } from './exchange.ts';
import { EXPLAIN_HEADER, explainHeader } from './explain-header.ts';
import { placeHeaders, toClientHeaders } from './headers.ts';
import { codeOfAnswer, type NodeAnswer, readRefusal, type WholeAnswer } from './node-answer.ts';
import { KEEP_ALIVE_MS, relay } from './relay.ts';

/** How long the status of a stream is held back for the answer of the node (behaviour 4). */
const HOLD_MS = 1000;

/** Headers of every answer to an inference request. */
function ownHeaders({ meter, client }: Exchange): Record<string, string> {
  const headers = placeHeaders(meter);
  const { requestIdHeader } = client.dialect;
  if (requestIdHeader !== undefined) headers[requestIdHeader] = meter.requestId;
  return Object.assign(headers, client.headers);
}

const streamHeaders = (exchange: Exchange): Record<string, string> => ({
  ...EVENT_STREAM_HEADERS,
  'content-type': exchange.client.dialect.streamType,
  ...ownHeaders(exchange),
});

const streamOf = ({ client: { body, facts } }: Exchange): AnswerStream => body.stream(facts);

/** For a client that has disconnected. It is never read, but every handler has to return a response. */
const leftResponse = (): Response => new Response(null, { status: 499 });

function refuse(exchange: Exchange, thrown: unknown): Response {
  const options = errorOptions(exchange);
  const hasLeft = exchange.isEnded;
  const error = exchange.fail(thrown);
  if (hasLeft) return leftResponse();
  const { explanation } = error.details;
  if (explanation) options.headers[EXPLAIN_HEADER] = explainHeader(explanation);
  return errorResponse(error, options);
}

const errorOptions = (exchange: Exchange) => ({
  dialect: exchange.client.dialect.name,
  requestId: exchange.meter.requestId,
  headers: ownHeaders(exchange),
});

function answerWhole(exchange: Exchange, answer: WholeAnswer): Response {
  const { body, facts } = exchange.client;
  const { status } = answer;
  if (body.whole === undefined) return relayWhole(exchange, answer);
  if (status >= 400) {
    const { error } = readRefusal(answer, exchange.meter.node);
    const refused = errorResponse(error, errorOptions(exchange));
    exchange.end(error.status, error.code, { status, code: codeOfAnswer(answer) });
    return refused;
  }
  const headers = { 'content-type': 'application/json', ...ownHeaders(exchange) };
  const response = new Response(body.whole(answer.bytes, facts), { status, headers });
  exchange.end(status);
  return response;
}

/** The bytes and headers of the node. */
function relayWhole(exchange: Exchange, answer: WholeAnswer): Response {
  const { status, bytes } = answer;
  const headers = Object.assign(toClientHeaders(answer.headers), ownHeaders(exchange));
  const response = new Response(bytes, { status, headers });
  // After the response is built: a request whose answer cannot be built has not succeeded.
  exchange.end(status, codeOfAnswer(answer));
  return response;
}

function answerWith(exchange: Exchange, answer: NodeAnswer): Response {
  if (answer.kind === 'whole') return answerWhole(exchange, answer);
  const client = streamOf(exchange);
  return streamResponse(relay(exchange, answer, client), streamHeaders(exchange));
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

/** The last event of a stream whose node refuses it after the status was sent. Clients of OpenAI's API get its bytes. */
function refuseLate(exchange: Exchange, answer: WholeAnswer, client: AnswerStream): string {
  const { error, nodeError } = readRefusal(answer, exchange.meter.node);
  const answered = { status: answer.status, code: codeOfAnswer(answer) };
  const told = exchange.client.body.whole === undefined ? answered : error;
  exchange.end(told.status, told.code, answered);
  return client.fail(error, nodeError);
}

/**
 * The body of a stream whose status was sent before its node answered: comments, then the node's events or one
 * error.
 */
async function* hold(
  exchange: Exchange,
  opening: Promise<NodeAnswer>,
): AsyncGenerator<Uint8Array | string, void> {
  let client: AnswerStream | undefined;
  try {
    client = streamOf(exchange);
    let answer: NodeAnswer | undefined;
    let told: string | undefined;
    while (answer === undefined) {
      const note = exchange.waitNote;
      const isNew = note !== undefined && note !== told;
      told = note;
      yield client.opening() + ((isNew && client.note?.(`${note}\n`)) || client.keepAlive());
      if (exchange.isEnded) return;
      answer = await settledWithin(exchange, opening, KEEP_ALIVE_MS);
    }
    if (answer.kind === 'stream') {
      yield* relay(exchange, answer, client);
      return;
    }
    yield refuseLate(exchange, answer, client);
  } catch (thrown) {
    if (exchange.isEnded) return;
    const error = exchange.fail(thrown);
    if (client !== undefined) yield client.fail(error);
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
