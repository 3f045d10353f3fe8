import { type Deadlines } from '../proxy/deadlines.ts';
import {
  ConnectionLost,
  NodeConnection,
  type WireRequest,
  type WireResponse,
} from './node-connection.ts';

/** A connection that rested longer is not used again: neurons close theirs after 30 s. */
const MAX_REST_MS = 20_000;

export interface TransportOptions {
  readonly deadlines: Deadlines;
  /** How long a connection may take to be made. */
  readonly connectMs: () => number;
}

/** How requests reach nodes. */
export interface Transport {
  /**
   * Resolves with the head of the answer; its body follows.
   *
   * @throws ConnectionLost, WireError, or the reason of a cancel.
   */
  send(request: WireRequest, options: SendOptions): Promise<WireResponse>;
  /** Ends every connection. */
  close(): void;
}

export interface SendOptions {
  /** Base URL, without a slash at its end. */
  readonly endpoint: string;
  /** Called with a function that cuts the request off, its body included. */
  readonly onCancel: (cancel: (reason: unknown) => void) => void;
}

interface Origin {
  readonly host: string;
  readonly address: { readonly hostname: string; readonly port: number };
  readonly basePath: string;
  /** Free connections, the one used last at the end. */
  readonly resting: { readonly connection: NodeConnection; readonly sinceMs: number }[];
}

function parseOrigin(endpoint: string): Origin {
  const url = new URL(endpoint);
  return {
    host: url.host,
    address: {
      hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? 80 : Number(url.port),
    },
    basePath: url.pathname.replace(/\/+$/, ''),
    resting: [],
  };
}

/**
 * Sends requests to nodes over kept-alive connections of plain HTTP/1.1.
 *
 * `fetch` would do the same through a thread of its own and a `Headers` each way, at more than twice the CPU
 * (see DESIGN.md).
 */
export class NodeTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #origins = new Map<string, Origin>();
  readonly #open = new Set<NodeConnection>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Connections, in use or resting. */
  get openCount(): number {
    return this.#open.size;
  }

  async send(request: WireRequest, options: SendOptions): Promise<WireResponse> {
    const origin = this.#originOf(options.endpoint);
    const wired =
      origin.basePath === '' ? request : { ...request, path: `${origin.basePath}${request.path}` };
    const rested = this.#takeRested(origin);
    if (rested === undefined) return this.#sendNew(origin, wired, options);
    options.onCancel((reason) => rested.destroy(reason));
    try {
      return await rested.send(wired);
    } catch (error) {
      // The node had closed it while it rested, before it saw the request.
      if (error instanceof ConnectionLost && error.isUnanswered)
        return this.#sendNew(origin, wired, options);
      throw error;
    }
  }

  close(): void {
    for (const connection of this.#open) connection.destroy(undefined);
  }

  async #sendNew(
    origin: Origin,
    request: WireRequest,
    { onCancel }: SendOptions,
  ): Promise<WireResponse> {
    const connection: NodeConnection = new NodeConnection(origin.host, {
      onIdle: (idle) =>
        origin.resting.push({ connection: idle, sinceMs: this.#options.deadlines.nowMs() }),
      onClose: (closed) => this.#forget(origin, closed),
    });
    this.#open.add(connection);
    const cancelled = Promise.withResolvers<never>();
    onCancel((reason) => {
      connection.destroy(reason);
      cancelled.reject(reason);
    });
    const { deadlines, connectMs } = this.#options;
    const late = deadlines.set(connectMs(), () =>
      cancelled.reject(new Error(`no connection to ${origin.host} within ${connectMs()} ms`)),
    );
    try {
      await Promise.race([connection.connect(origin.address), cancelled.promise]);
    } catch (error) {
      connection.destroy(error);
      throw error;
    } finally {
      late.cancel();
      cancelled.promise.catch(() => undefined);
    }
    return connection.send(request);
  }

  #forget(origin: Origin, closed: NodeConnection): void {
    this.#open.delete(closed);
    const index = origin.resting.findIndex(({ connection }) => connection === closed);
    if (index !== -1) origin.resting.splice(index, 1);
  }

  #takeRested(origin: Origin): NodeConnection | undefined {
    const oldestMs = this.#options.deadlines.nowMs() - MAX_REST_MS;
    for (let rested = origin.resting.pop(); rested !== undefined; rested = origin.resting.pop()) {
      if (!rested.connection.isClosed && rested.sinceMs > oldestMs) return rested.connection;
      // Those below have rested longer.
      rested.connection.destroy(undefined);
    }
    return undefined;
  }

  #originOf(endpoint: string): Origin {
    let origin = this.#origins.get(endpoint);
    if (origin === undefined) {
      origin = parseOrigin(endpoint);
      this.#origins.set(endpoint, origin);
    }
    return origin;
  }
}
