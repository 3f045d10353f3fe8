/** An HTTP/1.1 server for tests of downloads. It is written on sockets, so that it can cut an answer at any byte. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface ServedRequest {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly path: string;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface ServedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** What goes wrong with an answer. `bodyBytes` are sent before it; negative: so many bytes of the head are not. */
export type Fault =
  /** The connection is closed, when `until` resolves. */
  | { readonly kind: 'cut'; readonly bodyBytes: number; readonly until?: Promise<void> }
  /** The rest is sent when `until` resolves. */
  | { readonly kind: 'hold'; readonly bodyBytes: number; readonly until: Promise<void> }
  | { readonly kind: 'answer'; readonly answer: ServedAnswer };

export interface FileServerOptions {
  readonly answer: (request: ServedRequest) => ServedAnswer;
  /** Asked for each request; undefined: nothing goes wrong. */
  readonly fault?: (request: ServedRequest) => Fault | undefined;
  /** PEM; present: https. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface FileServer extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly port: number;
  /** The requests so far. */
  readonly requests: readonly ServedRequest[];
}

function parseRequest(head: string): ServedRequest {
  const [requestLine = '', ...lines] = head.split('\r\n');
  const [method = '', target = ''] = requestLine.split(' ');
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { method, target, path: target.split('?')[0] ?? '', headers };
}

interface Rendered {
  readonly head: Buffer;
  readonly body: Buffer;
}

function render(
  { method }: ServedRequest,
  { status, headers = {}, body = '' }: ServedAnswer,
): Rendered {
  const bytes = Buffer.from(body);
  const lines = Object.entries({
    'content-length': String(bytes.length),
    connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n`);
  return { head, body: method === 'HEAD' ? Buffer.alloc(0) : bytes };
}

const write = (socket: Socket, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve) => socket.write(bytes, () => resolve()));

async function serve(socket: Socket, request: ServedRequest, options: FileServerOptions) {
  const fault = options.fault?.(request);
  const answer = fault?.kind === 'answer' ? fault.answer : options.answer(request);
  const { head, body } = render(request, answer);
  const bytes = Buffer.concat([head, body]);
  const fine =
    fault && 'bodyBytes' in fault ? Math.max(0, head.length + fault.bodyBytes) : Infinity;
  await write(socket, bytes.subarray(0, fine));
  if (fault?.kind === 'cut') {
    await fault.until;
    socket.destroy();
    return;
  }
  if (fault?.kind === 'hold') await fault.until;
  socket.end(bytes.subarray(fine));
}

/** Starts a server on a free port of 127.0.0.1. */
export async function startFileServer(options: FileServerOptions): Promise<FileServer> {
  const requests: ServedRequest[] = [];
  const sockets = new Set<Socket>();
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // The client may leave at any time.
    socket.on('error', () => undefined);
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const request = parseRequest(head.slice(0, end));
      head = '';
      requests.push(request);
      void serve(socket, request, options);
    });
  };
  const server: Server = options.tls
    ? createTlsServer({ cert: options.tls.cert, key: options.tls.key }, accept)
    : createServer(accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The answer to a GET of a file, with ranges (RFC 9110, section 14). */
export function answerFile(
  { headers }: ServedRequest,
  { bytes, etag }: { readonly bytes: Uint8Array; readonly etag?: string | undefined },
): ServedAnswer {
  const about = { 'accept-ranges': 'bytes', ...(etag !== undefined && { etag }) };
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.get('range') ?? '');
  const condition = headers.get('if-range');
  if (!range || (condition !== undefined && condition !== etag)) {
    return { status: 200, headers: about, body: bytes };
  }
  const start = Number(range[1]);
  if (start >= bytes.length) {
    return { status: 416, headers: { 'content-range': `bytes */${bytes.length}` } };
  }
  const end = range[2] === '' ? bytes.length : Math.min(bytes.length, Number(range[2]) + 1);
  return {
    status: 206,
    headers: { ...about, 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` },
    body: bytes.subarray(start, end),
  };
}
