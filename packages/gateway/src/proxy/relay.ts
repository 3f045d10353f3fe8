import { CortexError, SSE_DONE } from '@cortex/protocol';

import { type Deadline } from './deadlines.ts';
import { type Exchange } from './exchange.ts';
import { type StreamAnswer } from './node-answer.ts';
import { StreamTap } from './stream-tap.ts';

/** How a client's dialect renders what cortex itself has to say in a stream. */
export interface StreamDialect {
  errorEvent(error: CortexError): string;
}

function idleError(node: string, idleMs: number): CortexError {
  return new CortexError(
    'node_timeout',
    `Node ${node} sent nothing for ${Math.round(idleMs / 1000)} s.`,
  );
}

/** Writes what the tap saw into the record of the request. */
function account(exchange: Exchange, tap: StreamTap): void {
  const { meter } = exchange;
  meter.contentEvents = tap.contentEvents;
  meter.firstContentMs = tap.firstContentMs;
  meter.lastContentMs = tap.lastContentMs;
}

const brokenOff = (node: string, cause?: unknown): CortexError =>
  new CortexError(
    'upstream_disconnected',
    `Node ${node} closed the connection in the middle of its answer.`,
    {
      cause,
    },
  );

function toStreamError(thrown: unknown, node: string): CortexError {
  if (thrown instanceof CortexError) return thrown;
  return brokenOff(node, thrown);
}

/**
 * Relays a node's stream, whole events as they come (behaviours 2 and 3), and ends the exchange with it.
 *
 * Whatever cuts it short, the client gets an error event and a clean end, unless it has left itself.
 */
export async function* relay(
  exchange: Exchange,
  answer: StreamAnswer,
  dialect: StreamDialect,
): AsyncGenerator<Uint8Array | string, void> {
  const { deadlines, limits } = exchange.deps;
  const node = exchange.lease?.node ?? 'unknown';
  const tap = new StreamTap();
  const onSilence = (): void => exchange.abortAttempt(idleError(node, limits.streamIdleMs));
  // The generator rests at a yield until the client has taken what was sent before.
  const onStall = (): void => exchange.drop();
  const deadline: Deadline = deadlines.set(limits.streamIdleMs, onSilence);
  exchange.onEnd(() => {
    deadline.cancel();
    account(exchange, tap);
  });
  try {
    for await (const chunk of answer.body) {
      const nowMs = deadlines.nowMs();
      const whole = tap.push(chunk, nowMs);
      if (whole !== undefined) {
        deadline.dueMs = nowMs + limits.stallMs;
        deadline.run = onStall;
        yield whole;
        if (exchange.isEnded) return;
        deadline.run = onSilence;
      }
      deadline.dueMs = deadlines.nowMs() + limits.streamIdleMs;
    }
    exchange.markRead();
    const end = tap.end();
    exchange.meter.usage = end.usage;
    // The rest of an unfinished event is dropped: nothing could be written behind it.
    if (!end.isDone && end.error === undefined) throw brokenOff(node);
    exchange.end(end.error?.status ?? 200, end.error?.code);
    // The last event says why the stream ended. A second error would only hide it.
    if (!end.isDone) yield SSE_DONE;
  } catch (thrown) {
    if (exchange.isEnded) return;
    const error = exchange.fail(toStreamError(thrown, node));
    yield dialect.errorEvent(error);
  } finally {
    // Reached without an end only when the reader of this generator gave it up.
    exchange.leave();
  }
}
