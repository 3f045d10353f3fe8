import { type Clock } from '@cortex/service';

import { formatOwnHeaders, formatRequest, type WireRequest } from './format-request.ts';
import { NodeConnection, type Peer, type WireResponse } from './node-connection.ts';
import { type NodeTarget } from './node-target.ts';
import { ConnectError, ConnectionLost } from './wire-error.ts';

/** A connection that was idle for longer is not used again: neurons close theirs after 30 s. */
const MAX_IDLE_MS = 20_000;

export interface SendOptions {
  readonly target: NodeTarget;
  /** Prefix of the path, without a slash at its end; undefined: none. */
  readonly basePath?: string | undefined;
  /** `new`: use a new connection, which cannot have been closed as idle. */
  readonly connection: 'any' | 'new';
  /** Called with a function that cancels the request and the body of its answer. */
  readonly onCancel: (cancel: (reason: unknown) => void) => void;
}

/** The connections to one target. */
interface Pool extends Peer {
  /** Header lines that every request begins with. */
  readonly ownHeaders: string;
  /** Path prefix of the configured endpoint. */
  readonly prefix: string;
  readonly connectMs: number;
  /** The most recently used one is last. */
  readonly idle: { readonly connection: NodeConnection; readonly sinceMs: number }[];
}

function createPool({ endpoint, token, tlsFingerprint, connectMs }: NodeTarget): Pool {
  const url = new URL(endpoint);
  const isTls = url.protocol === 'https:';
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    hostname,
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    check: isTls ? { hostname, fingerprint: tlsFingerprint } : undefined,
    ownHeaders: formatOwnHeaders(url.host, token),
    prefix: url.pathname.replace(/\/+$/, ''),
    connectMs,
    idle: [],
  };
}

/**
 * Sends requests to nodes over kept-alive HTTP/1.1 connections, plain or with TLS.
 *
 * `fetch` would need more than twice the CPU (see ../proxy/DESIGN.md).
 */
export class NodeTransport {
  readonly #clock: Clock;
  readonly #pools = new WeakMap<NodeTarget, Pool>();
  readonly #open = new Set<NodeConnection>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of connections, in use or idle. */
  get openCount(): number {
    return this.#open.size;
  }

  /**
   * Sends a request and resolves with the head of its answer. The body follows.
   *
   * The request is repeated only if the node cannot have read any of it.
   *
   * @throws ConnectError, ConnectionLost, WireError, TypeError for a request that cannot be formatted, or the
   * reason of a cancel
   */
  async send(request: WireRequest, options: SendOptions): Promise<WireResponse> {
    const pool = this.#poolOf(options.target);
    const bytes = formatRequest(pool.ownHeaders, {
      ...request,
      path: `${pool.prefix}${options.basePath ?? ''}${request.path}`,
    });
    const idle = options.connection === 'any' ? this.#takeIdle(pool) : undefined;
    if (idle === undefined) return this.#sendNew(pool, bytes, options);
    try {
      return await idle.send(bytes, options.onCancel);
    } catch (error) {
      if (error instanceof ConnectionLost && error.isUnsent)
        return this.#sendNew(pool, bytes, options);
      throw error;
    }
  }

  /** Ends every connection. */
  close(): void {
    for (const connection of this.#open) connection.destroy(undefined);
  }

  async #sendNew(
    pool: Pool,
    bytes: readonly Uint8Array[],
    { onCancel }: SendOptions,
  ): Promise<WireResponse> {
    const connection: NodeConnection = new NodeConnection(pool, {
      onIdle: (idle) => pool.idle.push({ connection: idle, sinceMs: this.#clock.nowMs() }),
      onClose: (closed) => this.#forget(pool, closed),
    });
    this.#open.add(connection);
    const cancelled = Promise.withResolvers<never>();
    onCancel((reason) => {
      connection.destroy(reason);
      cancelled.reject(reason);
    });
    const { connectMs } = pool;
    const cancelTimer = this.#clock.setTimer(connectMs, () =>
      cancelled.reject(new ConnectError(`connecting took longer than ${connectMs / 1000} s`)),
    );
    try {
      await Promise.race([connection.connect(), cancelled.promise]);
    } catch (error) {
      connection.destroy(error);
      throw error;
    } finally {
      cancelTimer();
      cancelled.promise.catch(() => undefined);
    }
    return connection.send(bytes, onCancel);
  }

  #forget(pool: Pool, closed: NodeConnection): void {
    this.#open.delete(closed);
    const index = pool.idle.findIndex(({ connection }) => connection === closed);
    if (index !== -1) pool.idle.splice(index, 1);
  }

  #takeIdle(pool: Pool): NodeConnection | undefined {
    const oldestMs = this.#clock.nowMs() - MAX_IDLE_MS;
    for (let idle = pool.idle.pop(); idle !== undefined; idle = pool.idle.pop()) {
      if (!idle.connection.isClosed && idle.sinceMs > oldestMs) return idle.connection;
      // The remaining ones have been idle for longer.
      idle.connection.destroy(undefined);
    }
    return undefined;
  }

  #poolOf(target: NodeTarget): Pool {
    let pool = this.#pools.get(target);
    if (pool === undefined) {
      pool = createPool(target);
      this.#pools.set(target, pool);
    }
    return pool;
  }
}
