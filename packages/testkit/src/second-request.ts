import { connect, type Socket } from 'node:net';

/** What a client does on a connection after its first request was answered. */
export type Afterwards = 'nothing' | 'incomplete head' | 'incomplete body';

const SENT: Readonly<Record<Afterwards, string>> = {
  nothing: '',
  'incomplete head': 'POST /v1/chat/completions HTTP/1.1\r\nHos',
  'incomplete body':
    'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
};

interface FirstRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string;
  /** Sent as a bearer token; absent: none is sent. */
  readonly key?: string | undefined;
}

/** Whether `received` is a complete answer, by its length or its last chunk. */
function isComplete(received: string): boolean {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const length = /content-length: (\d+)/i.exec(received.slice(0, headEnd))?.[1];
  if (length === undefined) return received.endsWith('0\r\n\r\n');
  return Buffer.byteLength(received) >= headEnd + 4 + Number(length);
}

/**
 * Sends one request, reads its complete answer, does `afterwards`, and waits for the server to close.
 *
 * @returns the status of the first answer; does not resolve while the server keeps the connection open.
 */
export async function untilClosed(
  url: string,
  { method, path, body, key }: FirstRequest,
  afterwards: Afterwards,
): Promise<number> {
  const { hostname, port } = new URL(url);
  const closed = Promise.withResolvers<void>();
  const socket: Socket = connect(Number(port), hostname);
  socket.setEncoding('utf8');
  let received = '';
  let isAnswered = false;
  socket.on('data', (text) => {
    received += String(text);
    if (isAnswered || !isComplete(received)) return;
    isAnswered = true;
    socket.write(SENT[afterwards]);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => closed.resolve());
  const authorization = key === undefined ? '' : `Authorization: Bearer ${key}\r\n`;
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${authorization}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  await closed.promise;
  if (!isAnswered)
    throw new Error(`the connection was closed before the first answer: ${received}`);
  return Number(received.slice(9, 12));
}
