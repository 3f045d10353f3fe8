import { type AnswerStream, CortexError } from '@cortex/protocol';

import { brokenOff, notLoaded } from './attempt-failure.ts';
import { type Deadline } from './deadlines.ts';
import { type Exchange } from './exchange.ts';
import { type StreamAnswer } from './node-answer.ts';
import { type StreamError, StreamTap } from './stream-tap.ts';

/** Interval between signs of life for a client whose stream is silent. */
export const KEEP_ALIVE_MS = 5000;

function idleError(node: string, idleMs: number): CortexError {
  return new CortexError(
    'node_timeout',
    `Node ${node} sent nothing for ${Math.round(idleMs / 1000)} s.`,
  );
}

/** Copies the counts of the tap into the record of the request. */
function account(exchange: Exchange, tap: StreamTap): void {
  const { meter } = exchange;
  meter.contentEvents = tap.contentEvents;
  meter.firstContentMs = tap.firstContentMs;
  meter.lastContentMs = tap.lastContentMs;
}

function toStreamError(thrown: unknown, node: string): CortexError {
  if (thrown instanceof CortexError) return thrown;
  return brokenOff(node, thrown);
}

/** Ends the exchange. @param told - The error of the node as the client got it; undefined: the bytes of the node. */
function endWith(
  exchange: Exchange,
  error: StreamError | undefined,
  told: Pick<CortexError, 'status' | 'code'> | undefined,
): void {
  const { status, code } = told ?? error ?? { status: 200, code: undefined };
  exchange.end(status, code, error);
}

/** For a client that gets nothing of what its node sends: comments, or a call that is not whole yet. */
const signOfLife = (client: AnswerStream, silentMs: number): string =>
  silentMs < KEEP_ALIVE_MS ? '' : client.keepAlive();

/**
 * Relays a node's stream in whole events without delay (behaviours 2 and 3), and then ends the exchange.
 *
 * If the stream is cut off, the client gets an error event and a clean end, unless it has disconnected.
 */
export async function* relay(
  exchange: Exchange,
  answer: StreamAnswer,
  client: AnswerStream,
): AsyncGenerator<Uint8Array | string, void> {
  const { deadlines, limits } = exchange.deps;
  const { node = 'unknown', model = 'unknown' } = exchange.lease ?? {};
  const tap = new StreamTap(node);
  const onSilence = (): void => exchange.abortAttempt(idleError(node, limits.streamIdleMs));
  // The generator is suspended at a yield until the client has read the previous bytes.
  const onStall = (): void => exchange.drop();
  const deadline: Deadline = deadlines.set(limits.streamIdleMs, onSilence);
  exchange.onEnd(() => {
    deadline.cancel();
    account(exchange, tap);
  });
  let hasContent = false;
  /** When the client last got something. */
  let toldMs = deadlines.nowMs();
  try {
    const opening = client.opening();
    if (opening !== '') yield opening;
    for await (const chunk of answer.body) {
      const nowMs = deadlines.nowMs();
      const whole = tap.push(chunk, nowMs);
      if (!hasContent && tap.firstContentMs !== undefined) {
        hasContent = true;
        exchange.lease?.answers();
      }
      if (whole !== undefined) {
        deadline.dueMs = nowMs + limits.stallMs;
        deadline.run = onStall;
        // A translated answer ends with [DONE], and some of them say what the node has counted.
        if (tap.isDone) exchange.meter.usage = tap.usage;
        const told = client.push(whole) || signOfLife(client, nowMs - toldMs);
        if (told.length > 0) {
          toldMs = nowMs;
          yield told;
        }
        if (exchange.isEnded) return;
        if (client.failure !== undefined) throw client.failure;
        deadline.run = onSilence;
      }
      if (tap.isNotLoaded) {
        exchange.meter.usage = tap.usage;
        throw notLoaded({ node, model });
      }
      deadline.dueMs = deadlines.nowMs() + limits.streamIdleMs;
    }
    exchange.markRead();
    const end = tap.end();
    exchange.meter.usage = end.usage;
    // An incomplete event is dropped, because no event can be written after it.
    const isWhole = end.isDone || end.isDoneCut || (end.error ?? client.nodeFailure) !== undefined;
    if (!isWhole) throw brokenOff(node);
    // The last event of the node has the reason of the end: a second error would hide it. It is made before the exchange
    // ends, because an answer that cannot be made is none.
    const last = client.end(end.isDone);
    if (client.failure === undefined) endWith(exchange, end.error, client.nodeFailure);
    else exchange.fail(client.failure);
    if (last !== '') yield last;
  } catch (thrown) {
    if (exchange.isEnded) return;
    const last = client.fail(exchange.fail(toStreamError(thrown, node)));
    if (last !== '') yield last;
  } finally {
    // The exchange is still open here only if the reader of this generator stopped.
    exchange.leave();
  }
}
