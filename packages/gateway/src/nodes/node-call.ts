import { CortexError, ErrorEnvelope, isErrorCode } from '@cortex/protocol';
import type { z } from 'zod';

import type { Clock } from '../control/clock.ts';
import { joinUrl } from './endpoint-url.ts';

export interface NodeAddress {
  readonly name: string;
  /** Base URL from the configuration. */
  readonly endpoint: string;
  /** Shared bearer token; absent: none is sent. */
  readonly nodeToken?: string;
}

interface NodeCall<T> {
  readonly path: string;
  /** Present: a POST of this as JSON. Absent: a GET. */
  readonly body?: object;
  readonly schema: z.ZodType<T>;
  readonly signal: AbortSignal;
  /** Until the whole answer is there; absent: no deadline. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
}

/** A signal that follows `signal` and, after `timeoutMs`, aborts by itself. `end` frees both. */
function deadline({ signal, timeoutMs, clock }: NodeCall<unknown>) {
  const controller = new AbortController();
  const follow = () => controller.abort(signal.reason);
  if (signal.aborted) follow();
  signal.addEventListener('abort', follow, { once: true });
  let hasTimedOut = false;
  const cancelTimer =
    timeoutMs === undefined
      ? undefined
      : clock.setTimer(timeoutMs, () => {
          hasTimedOut = true;
          controller.abort();
        });
  return {
    signal: controller.signal,
    hasTimedOut: () => hasTimedOut,
    end() {
      cancelTimer?.();
      signal.removeEventListener('abort', follow);
    },
  };
}

function toRequest(node: NodeAddress, body: object | undefined): RequestInit {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (node.nodeToken !== undefined) headers['authorization'] = `Bearer ${node.nodeToken}`;
  if (body === undefined) return { headers };
  headers['content-type'] = 'application/json';
  return { method: 'POST', headers, body: JSON.stringify(body) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The node's own error, with its code; what is none of ours becomes `node_protocol_error`. */
function readRefusal(response: Response, text: string, where: string): CortexError {
  const envelope = ErrorEnvelope.safeParse(parseJson(text));
  const code = envelope.data?.error.code;
  if (!envelope.success || typeof code !== 'string' || !isErrorCode(code)) {
    return new CortexError('node_protocol_error', `${where} answered ${response.status}.`);
  }
  const retryAfterS = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new CortexError(code, envelope.data.error.message, {
    ...(Number.isFinite(retryAfterS) && { retryAfterS }),
    ...(code === 'model_load_failed' && { transient: response.status >= 500 }),
  });
}

function readAnswer<T>(text: string, schema: z.ZodType<T>, where: string): T {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field =
    issue && issue.path.length > 0 ? ` (${issue.path.join('.')}: ${issue.message})` : '';
  throw new CortexError('node_protocol_error', `${where} answered in a form unknown here${field}.`);
}

const causeOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/**
 * One call of a neuron's management API, parsed.
 *
 * @throws CortexError `node_unreachable`, `node_timeout`, `node_protocol_error`, or the node's own error; the
 * reason of `signal` when that aborted.
 */
export async function sendNodeCall<T>(node: NodeAddress, call: NodeCall<T>): Promise<T> {
  const where = `${node.name} (${call.path})`;
  const limit = deadline(call);
  try {
    const response = await fetch(joinUrl(node.endpoint, call.path), {
      ...toRequest(node, call.body),
      signal: limit.signal,
      redirect: 'manual',
      timeout: false,
    });
    const text = await response.text();
    if (!response.ok) throw readRefusal(response, text, where);
    return readAnswer(text, call.schema, where);
  } catch (error) {
    if (error instanceof CortexError) throw error;
    if (limit.hasTimedOut()) {
      const seconds = (call.timeoutMs ?? 0) / 1000;
      throw new CortexError('node_timeout', `${where} did not answer within ${seconds} s.`);
    }
    if (call.signal.aborted) throw call.signal.reason;
    throw new CortexError(
      'node_unreachable',
      `${node.name} cannot be reached at ${node.endpoint}: ${causeOf(error)}`,
      { cause: error },
    );
  } finally {
    limit.end();
  }
}
