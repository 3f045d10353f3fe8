/** Reads `GET /events` of a neuron. */
import { type NodeEvent, parseNodeEvent, readNumberedEvents } from '@cortex/protocol';

import type { CalledNode } from './node-call.ts';
import { toNodeError } from './node-error.ts';

/** A node sends a comment every 15 s, so a stream that is silent for longer is dead. */
const SILENCE_MS = 45_000;
/** The snapshot of 10,000 models has 5 MB. */
const MAX_EVENT_BYTES = 32 << 20;

const EVENTS_REQUEST = {
  method: 'GET',
  path: '/events',
  headers: { accept: 'text/event-stream' },
  body: undefined,
} as const;

/** Why a stream of events has ended. */
export type StreamEnd =
  /** The node has no such route: it is older than this cortex. */
  { readonly kind: 'unsupported' } | { readonly kind: 'lost'; readonly reason: string };

interface EventStreamOptions {
  /** Called with every event, in order; the revisions have no gap. */
  readonly onEvent: (event: NodeEvent) => void;
  readonly signal: AbortSignal;
}

/** Follows the events of a node until the stream ends or `signal` aborts. Never rejects. */
export async function followEvents(
  node: CalledNode,
  { onEvent, signal }: EventStreamOptions,
): Promise<StreamEnd> {
  const { transport, target, clock, name } = node;
  let cancel: (reason: unknown) => void = () => undefined;
  const leave = (): void => cancel(new Error('no longer followed'));
  signal.addEventListener('abort', leave, { once: true });
  let cancelTimer: (() => void) | undefined;
  const listen = (): void => {
    cancelTimer?.();
    cancelTimer = clock.setTimer(SILENCE_MS, () => {
      cancel(new Error(`it was silent for ${SILENCE_MS / 1000} s`));
    });
  };
  try {
    signal.throwIfAborted();
    const response = await transport.send(EVENTS_REQUEST, {
      target,
      connection: 'new',
      onCancel: (cut) => {
        cancel = cut;
      },
    });
    if (response.status !== 200) {
      cancel(new Error('not a stream of events'));
      return response.status === 404
        ? { kind: 'unsupported' }
        : { kind: 'lost', reason: `${name} answered ${response.status}` };
    }
    listen();
    await readAll(response.body, { onEvent, onBytes: listen });
    return { kind: 'lost', reason: 'the node ended it' };
  } catch (error) {
    cancel(error);
    const failure = toNodeError(error, name);
    const { cause } = failure;
    return { kind: 'lost', reason: cause instanceof Error ? cause.message : failure.message };
  } finally {
    cancelTimer?.();
    signal.removeEventListener('abort', leave);
  }
}

/** @throws Error for a gap in the revisions, an event that is too large or not valid, or a lost connection */
async function readAll(
  body: AsyncIterable<Uint8Array>,
  callbacks: {
    readonly onEvent: (event: NodeEvent) => void;
    readonly onBytes: () => void;
  },
): Promise<void> {
  let unreadBytes = 0;
  async function* limited(): AsyncGenerator<Uint8Array, void> {
    for await (const bytes of body) {
      callbacks.onBytes();
      unreadBytes += bytes.length;
      if (unreadBytes > MAX_EVENT_BYTES) throw new Error('an event of more than 32 MiB');
      yield bytes;
    }
  }
  for await (const events of readNumberedEvents(limited(), parseNodeEvent)) {
    unreadBytes = 0;
    for (const event of events) if (event.kind !== 'unknown') callbacks.onEvent(event);
  }
}
