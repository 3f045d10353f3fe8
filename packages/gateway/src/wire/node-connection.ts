import { BodyQueue, type ResponseBody } from './body-queue.ts';
import { checkPeer, type PeerCheck, tlsOptions } from './peer-check.ts';
import { type ResponseHead, ResponseParser } from './response-parser.ts';
import { ConnectError, ConnectionLost, toConnectError, WireError } from './wire-error.ts';

/** Time of silence after which the kernel sends TCP keep-alive probes. */
const PROBE_AFTER_MS = 30_000;

/** A node's answer whose head has arrived. */
export interface WireResponse extends ResponseHead {
  readonly body: ResponseBody;
}

/** The other side of a connection. */
export interface Peer {
  readonly hostname: string;
  readonly port: number;
  /** Undefined: plain HTTP. */
  readonly check: PeerCheck | undefined;
}

interface Running {
  readonly response: PromiseWithResolvers<WireResponse>;
  readonly body: BodyQueue;
  hasHead: boolean;
  /** Whether the kernel has accepted a part of the request. */
  isBegun: boolean;
}

/** One connection to a node. It carries one request at a time. */
export class NodeConnection {
  readonly #peer: Peer;
  readonly #onIdle: (connection: NodeConnection) => void;
  readonly #onClose: (connection: NodeConnection) => void;
  readonly #parser: ResponseParser;
  readonly #secured = Promise.withResolvers<void>();
  #socket: Bun.Socket | undefined;
  #running: Running | undefined;
  #unwritten: Uint8Array[] = [];
  #requests = 0;
  #isClosed = false;
  #closeReason: unknown;

  constructor(
    peer: Peer,
    callbacks: {
      /** The connection is free for another request. */
      readonly onIdle: (connection: NodeConnection) => void;
      readonly onClose: (connection: NodeConnection) => void;
    },
  ) {
    this.#peer = peer;
    this.#onIdle = callbacks.onIdle;
    this.#onClose = callbacks.onClose;
    this.#parser = new ResponseParser({
      head: (head) => this.#takeHead(head),
      body: (bytes) => this.#running?.body.push(bytes),
      end: (connection) => this.#endAnswer(connection),
    });
    // Nothing waits for it when a connection ends before its handshake.
    this.#secured.promise.catch(() => undefined);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Resolves when requests can be sent: with TLS, after the check of the certificate.
   *
   * @throws ConnectError
   */
  async connect(): Promise<void> {
    const { hostname, port, check } = this.#peer;
    let socket: Bun.Socket;
    try {
      socket = await Bun.connect({
        hostname,
        port,
        ...(check !== undefined && { tls: tlsOptions(check) }),
        socket: {
          data: (_socket, bytes) => this.#take(bytes),
          drain: () => this.#write(),
          close: () => this.#lost(undefined),
          end: () => this.#lost(undefined),
          error: (_socket, error) => this.#lost(error),
          connectError: () => undefined,
          handshake: (secured, _isAuthorized, chainError) => {
            this.#checkCertificate(secured, chainError);
          },
        },
      });
    } catch (error) {
      throw toConnectError(error);
    }
    if (this.#isClosed) {
      socket.terminate();
      throw toConnectError(this.#closeReason);
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PROBE_AFTER_MS);
    this.#socket = socket;
    if (check !== undefined) await this.#secured.promise;
  }

  /**
   * Sends a whole request; resolves with the head of its answer.
   *
   * @param onCancel - Called with a function that cancels the request and the body of its answer. It has no effect once
   * the answer has arrived whole: the connection may carry another request then.
   * @throws ConnectionLost, WireError, or the reason of a cancel
   */
  send(
    request: readonly Uint8Array[],
    onCancel: (cancel: (reason: unknown) => void) => void,
  ): Promise<WireResponse> {
    const response = Promise.withResolvers<WireResponse>();
    // It can be closed between the end of `connect` and the first request.
    if (this.#isClosed) {
      response.reject(this.#closeReason);
      return response.promise;
    }
    const body = new BodyQueue({
      pause: () => this.#socket?.pause(),
      resume: () => this.#socket?.resume(),
    });
    this.#requests += 1;
    const running = { response, body, hasHead: false, isBegun: false };
    this.#running = running;
    onCancel((reason) => {
      if (this.#running === running) this.destroy(reason);
    });
    this.#parser.reset();
    this.#unwritten.push(...request);
    this.#write();
    return response.promise;
  }

  /** Closes the connection at once, which cancels whatever request it carries on the node. */
  destroy(reason: unknown): void {
    // The socket is terminated later, because that would report a close without this reason first.
    this.#closed(reason);
  }

  #checkCertificate(socket: Bun.TLSSocket, chainError: Error | null): void {
    const { check } = this.#peer;
    if (check === undefined) return;
    try {
      checkPeer(socket, chainError, check);
      this.#secured.resolve();
    } catch (error) {
      this.#secured.reject(error);
      this.destroy(error);
    }
  }

  #write(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    for (let next = this.#unwritten[0]; next !== undefined; next = this.#unwritten[0]) {
      const written = socket.write(next);
      if (written > 0 && this.#running !== undefined) this.#running.isBegun = true;
      if (written < 0) return;
      if (written < next.length) {
        this.#unwritten[0] = next.subarray(written);
        return;
      }
      this.#unwritten.shift();
    }
  }

  #take(bytes: Uint8Array): void {
    try {
      // No request was sent, so this cannot be an answer.
      if (this.#running === undefined) throw new WireError('it arrived without a request');
      // @ts-expect-error -- The types allow for shared memory, which a socket never gives.
      this.#parser.push(bytes);
    } catch (error) {
      this.destroy(error);
    }
  }

  #takeHead(head: ResponseHead): void {
    const running = this.#running;
    if (running === undefined) return;
    running.hasHead = true;
    running.response.resolve({ status: head.status, headers: head.headers, body: running.body });
  }

  #endAnswer(connection: 'reusable' | 'spent'): void {
    const running = this.#running;
    this.#running = undefined;
    running?.body.end();
    // If the answer arrives before the whole request was written, the rest of the request is still unwritten.
    if (connection === 'spent' || this.#unwritten.length > 0) this.destroy(undefined);
    else this.#onIdle(this);
  }

  /** The node or the network closed the connection. */
  #lost(error: unknown): void {
    if (this.#isClosed) return;
    this.#secured.reject(
      new ConnectError('the connection was closed during the TLS handshake', { cause: error }),
    );
    const sent = { isReused: this.#requests > 1, isUnsent: this.#running?.isBegun !== true };
    this.#closed(new ConnectionLost(error ?? this.#cutOff(), sent));
  }

  #closed(reason: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeReason = reason;
    this.#socket?.terminate();
    this.#unwritten = [];
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined && running.hasHead) running.body.fail(reason);
    else running?.response.reject(reason);
    this.#onClose(this);
  }

  /** The node closed the connection: the regular end of some answers. */
  #cutOff(): unknown {
    try {
      this.#parser.close();
      return undefined;
    } catch (error) {
      return error;
    }
  }
}
