import { CortexError, ErrorEnvelope, isErrorCode } from '@cortex/protocol';
import { type Clock } from '@cortex/service';
import type { z } from 'zod';

import { type WireRequest } from '../wire/format-request.ts';
import { type WireResponse } from '../wire/node-connection.ts';
import { type NodeTarget } from '../wire/node-target.ts';
import { type NodeTransport } from '../wire/node-transport.ts';
import { ConnectionLost } from '../wire/wire-error.ts';
import { toNodeError } from './node-error.ts';
import { tokenRefusal } from './token-refusal.ts';

/** A node whose management API is called. */
export interface CalledNode {
  readonly name: string;
  readonly target: NodeTarget;
  readonly transport: NodeTransport;
  readonly clock: Clock;
}

interface NodeCall<T> {
  readonly path: string;
  /** JSON body of a POST; undefined: a GET, or a DELETE. */
  readonly body?: object | undefined;
  readonly method?: 'GET' | 'DELETE' | undefined;
  readonly schema: z.ZodType<T>;
  readonly signal: AbortSignal;
  /** Time limit for the whole answer; undefined: none. */
  readonly timeoutMs?: number | undefined;
  /** Called with the headers of an answer that is not an error. */
  readonly onHeaders?: ((headers: WireResponse['headers']) => void) | undefined;
}

interface Answer extends Omit<WireResponse, 'body'> {
  readonly text: string;
}

function toRequest({ path, body, method = 'GET' }: NodeCall<unknown>): WireRequest {
  const accept = 'application/json';
  if (body === undefined) return { method, path, headers: { accept }, body: undefined };
  return {
    method: 'POST',
    path,
    headers: { accept, 'content-type': 'application/json' },
    body: new TextEncoder().encode(JSON.stringify(body)),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The error of the node, with its code. An unknown code, and a refusal of the credentials of cortex, become
 * `node_protocol_error`.
 */
function readRefusal(
  { status, headers, text }: Answer,
  { where, node }: { readonly where: string; readonly node: CalledNode },
): CortexError {
  const refusal = tokenRefusal(status, {
    node: node.name,
    hasToken: node.target.token !== undefined,
  });
  if (refusal !== undefined) return refusal;
  const envelope = ErrorEnvelope.safeParse(parseJson(text));
  const code = envelope.data?.error.code;
  if (!envelope.success || typeof code !== 'string' || !isErrorCode(code)) {
    return new CortexError('node_protocol_error', `${where} answered ${status}.`);
  }
  const retryAfterS = Number(headers['retry-after'] ?? Number.NaN);
  return new CortexError(code, envelope.data.error.message, {
    retryAfterS: Number.isFinite(retryAfterS) ? retryAfterS : undefined,
    transient: code === 'model_load_failed' ? status >= 500 : undefined,
  });
}

function readAnswer<T>(text: string, schema: z.ZodType<T>, where: string): T {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const path = parsed.error.issues[0]?.path.join('.') ?? '';
  const field = path === '' ? '' : ` (field ${path})`;
  throw new CortexError(
    'node_protocol_error',
    `${where} sent an answer that cortex does not understand${field}.`,
    { cause: parsed.error },
  );
}

/** Sends the call, and repeats it once if an idle connection was already closed. */
async function exchange(
  { target, transport }: CalledNode,
  call: NodeCall<unknown>,
  onCancel: (cancel: (reason: unknown) => void) => void,
): Promise<Answer> {
  const request = toRequest(call);
  const send = async (connection: 'any' | 'new'): Promise<Answer> => {
    const { body, ...head } = await transport.send(request, { target, connection, onCancel });
    return { ...head, text: new TextDecoder().decode(await body.readAll()) };
  };
  // A node may have started to work on a call when its connection breaks, so only reads are repeated.
  if (request.method !== 'GET') return send('new');
  try {
    return await send('any');
  } catch (error) {
    if (error instanceof ConnectionLost && error.isReused) return send('new');
    throw error;
  }
}

/**
 * Makes one call to a neuron's management API and returns the parsed answer.
 *
 * @throws CortexError `node_unreachable`, `node_timeout`, `node_protocol_error`, or the error of the node; the
 * reason of `signal` when it aborted
 */
export async function sendNodeCall<T>(node: CalledNode, call: NodeCall<T>): Promise<T> {
  const where = `${node.name} (${call.path})`;
  const { signal, timeoutMs } = call;
  signal.throwIfAborted();
  let cancel: (reason: unknown) => void = () => undefined;
  const onAbort = (): void => cancel(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const cancelTimer =
    timeoutMs === undefined
      ? undefined
      : node.clock.setTimer(timeoutMs, () =>
          cancel(
            new CortexError(
              'node_timeout',
              `${where} did not answer within ${timeoutMs / 1000} s.`,
            ),
          ),
        );
  try {
    const answer = await exchange(node, call, (cut) => {
      cancel = cut;
    });
    if (answer.status < 200 || answer.status > 299) throw readRefusal(answer, { where, node });
    call.onHeaders?.(answer.headers);
    return readAnswer(answer.text, call.schema, where);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw toNodeError(error, node.name);
  } finally {
    cancelTimer?.();
    signal.removeEventListener('abort', onAbort);
  }
}
