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

import { isGenerateRoute } from '../harness.ts';
import { fetchUpstream } from './fetch-upstream.ts';
import { isUsageOpen } from './forward-body.ts';
import { EventRelay } from './relay-events.ts';
import type { UpstreamServing, UpstreamTarget } from './upstream-target.ts';
import { UpstreamWork } from './upstream-work.ts';
import { wholeAnswer } from './whole-answer.ts';

/** The status of a stream is real until it is committed (behaviour 4). */
const COMMIT_MS = 1000;
/** A server that sends nothing of an answer for so long has lost it (behaviour 3). */
const IDLE_MS = 300_000;

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
  return isGenerateRoute(route) && typeof body['n'] === 'number' ? body['n'] : 1;
}

async function* streamBody(
  answering: Promise<Response | { readonly thrown: unknown }>,
  work: UpstreamWork,
  serving: UpstreamServing,
): AsyncGenerator<string, void> {
  const { target, request, pulses } = serving;
  const { clock } = pulses;
  const { modelId, upstreamModel } = target;
  const relay = new EventRelay({ modelId, upstreamModel, isUsageHidden: isUsageOpen(serving) });
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
    let heardMs = clock.nowMs();
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
        if (clock.elapsedMs(heardMs) > IDLE_MS) {
          yield fail(silent(target));
          return;
        }
        pulse.offered('keep-alive');
        yield SSE_KEEP_ALIVE;
      } else {
        heardMs = clock.nowMs();
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
