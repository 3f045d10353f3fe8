/** Answers one inference request from an external server: sends it on, relays the answer. */
import {
  CortexError,
  formatUsageComment,
  readEvents,
  renderErrorEvent,
  SSE_DONE,
  SSE_KEEP_ALIVE,
} from '@cortex/protocol';
import { streamResponse } from '@cortex/service';

import { GENERATE_ROUTES } from '../harness.ts';
import { isUsageOpen, toForwardBody } from './forward-body.ts';
import { EventRelay } from './relay-events.ts';
import { toCortexError as toFailedAnswer } from './upstream-error.ts';
import type { UpstreamServing, UpstreamTarget } from './upstream-target.ts';
import { UpstreamWork } from './upstream-work.ts';
import { wholeAnswer } from './whole-answer.ts';

/** The status of a stream is real until it is committed (behaviour 4). */
const COMMIT_MS = 1000;
/** A server that sends nothing of an answer for so long has lost it (behaviour 3). */
const IDLE_MS = 300_000;

/** Headers of the caller that the server gets; credentials and identity are not among them. */
const FORWARDED = ['content-type', 'accept'] as const;

function toHeaders({ target, request }: UpstreamServing): Headers {
  const headers = new Headers(target.upstream.headers);
  for (const name of FORWARDED) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  headers.set('accept-encoding', 'identity');
  headers.set('x-request-id', request.requestId);
  return headers;
}

async function fetchUpstream(serving: UpstreamServing, signal: AbortSignal): Promise<Response> {
  const { route, target, request } = serving;
  const body = await toForwardBody(request, {
    upstreamModel: target.upstreamModel,
    defaults: { ...target.params, ...request.params },
    asksUsage: isUsageOpen(request),
  });
  let answer: Response;
  try {
    answer = await fetch(target.upstream.url + route, {
      method: 'POST',
      headers: toHeaders(serving),
      body,
      redirect: 'manual',
      // A connection that the server closes meanwhile would fail the next request on it.
      keepalive: false,
      timeout: false,
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw target.loss();
  }
  if (answer.ok) return answer;
  throw await readFailure(serving, answer);
}

async function readFailure({ target }: UpstreamServing, answer: Response): Promise<CortexError> {
  const text = await answer.text().catch(() => '');
  const retryAfterS = Number(answer.headers.get('retry-after') ?? Number.NaN);
  return toFailedAnswer({
    harness: target.upstream.harness,
    modelId: target.modelId,
    contextTokens: target.contextTokens,
    status: answer.status,
    value: parse(text),
    retryAfterS: Number.isFinite(retryAfterS) ? retryAfterS : undefined,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An answer that failed after the commit is not an unhandled rejection: the stream reports it. */
async function settled(
  answer: Promise<Response>,
): Promise<Response | { readonly thrown: unknown }> {
  try {
    return await answer;
  } catch (thrown) {
    return { thrown };
  }
}

/**
 * Sends a request to the server of its model.
 *
 * A stream is committed when the server has answered, and at the latest after a second: from then on an error is an
 * event of the stream.
 *
 * @throws CortexError what the server refused, or why it could not be asked
 */
export async function serveUpstream(serving: UpstreamServing): Promise<Response> {
  const { target, request, signal } = serving;
  const { body, principal, ended } = request;
  const { slots, lost, loss } = target;
  const weight = weightOf(serving);
  const work = new UpstreamWork({ slots, principal, weight, signal, lost, loss, ended });
  const answer = settled(work.send((within) => fetchUpstream(serving, within)));
  if (body['stream'] !== true) return wholeAnswer(await answer, work, serving);

  const first = await Promise.race([answer, Bun.sleep(COMMIT_MS)]);
  if (first !== undefined && !(first instanceof Response)) {
    const error = work.toError(first.thrown);
    work.fail();
    throw error;
  }
  const isEvents = first?.headers.get('content-type')?.startsWith('text/event-stream') ?? true;
  if (first && !isEvents) return wholeAnswer(first, work, serving);
  return streamResponse(streamBody(answer, work, serving));
}

/** Each choice takes a slot. */
function weightOf({ route, request: { body } }: UpstreamServing): number {
  const isGenerated = GENERATE_ROUTES.some((known) => known === route);
  return isGenerated && typeof body['n'] === 'number' ? body['n'] : 1;
}

async function* streamBody(
  answering: Promise<Response | { readonly thrown: unknown }>,
  work: UpstreamWork,
  { target, request, pulses }: UpstreamServing,
): AsyncGenerator<string, void> {
  const { modelId, upstreamModel } = target;
  const relay = new EventRelay({ modelId, upstreamModel, isUsageHidden: isUsageOpen(request) });
  const pulse = pulses.open({
    isProgressing: () => target.isAnswering(),
    onStall: () => work.abort(),
  });
  const fail = (error: CortexError): string => {
    work.fail();
    return (
      formatUsageComment(work.times.toUsage(relay.tokens, relay.contents)) +
      renderErrorEvent(error, 'openai', request.requestId)
    );
  };
  try {
    let heardMs = performance.now();
    let answer = await pulse.race(answering);
    while (answer === 'due') {
      pulse.offered('keep-alive');
      yield SSE_KEEP_ALIVE;
      pulse.taken();
      answer = await pulse.race(answering);
    }
    if (!(answer instanceof Response)) {
      if (!work.isOver) yield fail(work.toError(answer.thrown));
      return;
    }
    const events = readEvents(answer.body ?? new ReadableStream())[Symbol.asyncIterator]();
    let next = events.next();
    for (;;) {
      const read = await pulse.race(next);
      if (work.isOver) return;
      if (read === 'due') {
        if (performance.now() - heardMs > IDLE_MS) {
          yield fail(silent(target));
          return;
        }
        pulse.offered('keep-alive');
        yield SSE_KEEP_ALIVE;
      } else {
        heardMs = performance.now();
        if (read.done === true) break;
        next = events.next();
        // Not awaited when the stream ends before it.
        next.catch(() => undefined);
        const text = read.value.map((event) => relay.push(event)).join('');
        if (relay.contents > 0) {
          work.times.content();
          request.started();
        }
        pulse.offered('content');
        if (text !== '') yield text;
        if (relay.failure !== undefined) {
          yield fail(
            new CortexError(
              'node_protocol_error',
              `The server of ${modelId} failed: ${relay.failure}`,
            ),
          );
          return;
        }
      }
      pulse.taken();
    }
    if (!relay.isFinished) {
      yield fail(target.loss());
      return;
    }
    const usage = work.times.toUsage(relay.tokens, relay.contents);
    work.end('done');
    pulse.offered('content');
    yield formatUsageComment(usage) + SSE_DONE;
  } catch (error) {
    if (!work.isOver) yield fail(work.toError(error));
  } finally {
    pulse.close();
    work.abort();
    request.answered?.();
  }
}

const silent = ({ modelId, upstream }: UpstreamTarget): CortexError =>
  new CortexError(
    'node_timeout',
    `The server of ${modelId} (${upstream.harness}) sent nothing for ${IDLE_MS / 1000} s.`,
  );
