import { BodyQueue, type ResponseBody } from './body-queue.ts';
import { type ResponseHead, ResponseParser, WireError } from './response-parser.ts';

/** Bodies up to this size leave with their head in one write. */
const ONE_WRITE_BYTES = 64 << 10;

export interface WireRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A node's answer whose head has come. */
export interface WireResponse extends ResponseHead {
  readonly body: ResponseBody;
}

/** The connection ended before the head of an answer. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  /** No byte of an answer had come. */
  readonly isUnanswered: boolean;

  constructor(cause: unknown, isUnanswered: boolean) {
    super('the connection was lost', { cause });
    this.isUnanswered = isUnanswered;
  }
}

interface Running {
  readonly response: PromiseWithResolvers<WireResponse>;
  readonly body: BodyQueue;
  hasHead: boolean;
}

function toBytes(host: string, { path, headers, body }: WireRequest): readonly Uint8Array[] {
  let head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${body.length}\r\n`;
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
  head += '\r\n';
  if (body.length > ONE_WRITE_BYTES) return [Buffer.from(head, 'latin1'), body];
  const whole = Buffer.allocUnsafe(head.length + body.length);
  whole.write(head, 0, 'latin1');
  whole.set(body, head.length);
  return [whole];
}

/** One connection to a node, which carries one request after the other. */
export class NodeConnection {
  readonly #host: string;
  readonly #onIdle: (connection: NodeConnection) => void;
  readonly #onClose: (connection: NodeConnection) => void;
  readonly #parser: ResponseParser;
  #socket: Bun.Socket | undefined;
  #running: Running | undefined;
  #unwritten: Uint8Array[] = [];
  #isClosed = false;

  constructor(
    host: string,
    callbacks: {
      /** Free for another request. */
      readonly onIdle: (connection: NodeConnection) => void;
      readonly onClose: (connection: NodeConnection) => void;
    },
  ) {
    this.#host = host;
    this.#onIdle = callbacks.onIdle;
    this.#onClose = callbacks.onClose;
    this.#parser = new ResponseParser({
      head: (head) => this.#takeHead(head),
      body: (bytes) => this.#running?.body.push(bytes),
      end: (connection) => this.#endAnswer(connection),
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws Error when the node cannot be reached */
  async connect(address: { readonly hostname: string; readonly port: number }): Promise<void> {
    const socket = await Bun.connect({
      ...address,
      socket: {
        data: (_socket, bytes) => this.#take(bytes),
        drain: () => this.#write(),
        close: () => this.#lost(undefined),
        end: () => this.#lost(undefined),
        error: (_socket, error) => this.#lost(error),
        connectError: () => undefined,
      },
    });
    if (this.#isClosed) socket.terminate();
    socket.setNoDelay(true);
    this.#socket = socket;
  }

  /** Sends a request; resolves with the head of its answer. @throws ConnectionLost, WireError */
  send(request: WireRequest): Promise<WireResponse> {
    const response = Promise.withResolvers<WireResponse>();
    const body = new BodyQueue({
      pause: () => this.#socket?.pause(),
      resume: () => this.#socket?.resume(),
    });
    this.#running = { response, body, hasHead: false };
    this.#parser.reset();
    this.#unwritten.push(...toBytes(this.#host, request));
    this.#write();
    return response.promise;
  }

  /** Closes it at once: the node takes that as the end of the request. */
  destroy(reason: unknown): void {
    // Not terminated first: that would report a close without a reason before this one.
    this.#closed(reason);
  }

  #write(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    for (let next = this.#unwritten[0]; next !== undefined; next = this.#unwritten[0]) {
      const written = socket.write(next);
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
      // Nobody asked: what comes now cannot be an answer.
      if (this.#running === undefined) throw new WireError('bytes without a request');
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
    // An answer that comes before the whole request was taken leaves the rest of it behind.
    if (connection === 'spent' || this.#unwritten.length > 0) this.destroy(undefined);
    else this.#onIdle(this);
  }

  /** The node, or the network, ended it. */
  #lost(error: unknown): void {
    if (this.#isClosed) return;
    const isUnanswered = this.#parser.isIdle;
    this.#closed(new ConnectionLost(error ?? this.#cutOff(), isUnanswered));
  }

  #closed(reason: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
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
