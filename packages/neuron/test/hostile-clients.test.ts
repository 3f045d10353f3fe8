/** A daemon that anyone may connect to: it goes on serving, and gives back what the connections took. */
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'bun:test';

import { killDaemons, startDaemon } from './daemon.ts';
import { until } from './test-neuron.ts';

afterEach(killDaemons);

/** 1 is full size. */
const SCALE = Number(process.env['SCALE'] ?? 1 / 20);
const CONNECTIONS = Math.round(10_000 * SCALE);
const IMPATIENT = join(import.meta.dir, 'programs/impatient-neuron.ts');
/** Well below its idle limit of 2 s. */
const TRICKLE_MS = 500;

const HALF_A_HEAD = 'POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nContent-Le';
const HALF_A_BODY =
  'POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nContent-Length: 1000\r\n\r\n{"model":';
const WHOLE = 'GET /version HTTP/1.1\r\nHost: node\r\n\r\n';

interface Connection {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  received: string;
}

/** Connects and sends `text`. Resolves when it is connected. */
function open(url: string, text: string | Uint8Array): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const closed = Promise.withResolvers<void>();
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(text);
      resolve(connection);
    });
    const connection: Connection = { socket, closed: closed.promise, received: '' };
    socket.on('data', (data) => {
      if (connection.received.length < 1000) connection.received += data.toString('latin1');
    });
    // After the connection it means that the daemon has cut it.
    socket.on('error', reject);
    socket.on('close', () => closed.resolve());
  });
}

async function openMany(url: string, count: number, text: string): Promise<readonly Connection[]> {
  const opened: Connection[] = [];
  // A backlog of connections that are not yet accepted has a limit of its own.
  while (opened.length < count) {
    const some = Math.min(200, count - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: some }, () => open(url, text)))));
  }
  return opened;
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

const healthStatus = async (node: string): Promise<number> =>
  (await fetch(`${node}/health`)).status;

test('the daemon closes 10,000 connections (fewer with SCALE) with incomplete or very slow requests, and serves others meanwhile', async () => {
  const { node, pid, chat } = await startDaemon('', {}, IMPATIENT);
  const before = descriptors(pid);
  const part = Math.ceil(CONNECTIONS / 5);

  const heads = await openMany(node, part, HALF_A_HEAD);
  const bodies = await openMany(node, part, HALF_A_BODY);
  const reused = await openMany(node, part, WHOLE);
  await until(() => reused.every(({ received }) => received.includes('"engines"')));
  for (const { socket } of reused) socket.write(HALF_A_HEAD);
  const trickling = [
    ...(await openMany(node, part, HALF_A_HEAD)),
    ...(await openMany(node, part, HALF_A_BODY)),
  ];
  const trickle = setInterval(() => {
    for (const { socket } of trickling) if (socket.writable) socket.write('x');
  }, TRICKLE_MS);
  try {
    const answer = await chat({ max_tokens: 2 });
    expect(await healthStatus(node)).toBe(200);
    expect(answer.status).toBe(200);
    const all = [...heads, ...bodies, ...reused, ...trickling];
    await Promise.all(all.map(({ closed }) => closed));
  } finally {
    clearInterval(trickle);
  }

  await until(() => descriptors(pid) <= before + 3, 5000);
  expect(await healthStatus(node)).toBe(200);
}, 120_000);

/** What port scanners and confused programs send. */
const GARBAGE: Readonly<Record<string, string | Uint8Array>> = {
  nothing: '',
  'line feeds': '\r\n\r\n\r\n\r\n',
  'a TLS handshake': Buffer.from('16030100c8010000c40303', 'hex'),
  'an SSH banner': 'SSH-2.0-OpenSSH_9.7\r\n',
  'an RTSP request': 'OPTIONS / RTSP/1.0\r\n\r\n',
  'a SIP request': 'OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo\r\n\r\n',
  'an HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a proxy request': 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n',
  'zero bytes': Buffer.alloc(5000),
  'random bytes': crypto.getRandomValues(new Uint8Array(5000)),
  'a path out of the tree': 'GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n',
  'a coded path': 'GET /models/..%2f..%2f..%2fetc%2fpasswd/logs HTTP/1.1\r\nHost: x\r\n\r\n',
  'a head of 1 MB': `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(1 << 20)}\r\n\r\n`,
  '10,000 headers': `GET / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(10_000)}\r\n`,
  'two lengths': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx',
  'a length and chunks':
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a negative length': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
  'a chunk without end':
    'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n',
};

test('a port scan leaves the daemon serving, and shows no file of the machine', async () => {
  const { node, pid, chat } = await startDaemon();
  const before = descriptors(pid);

  const connections = await Promise.all(
    Object.entries(GARBAGE).map(async ([name, bytes]) => ({
      name,
      connection: await open(node, bytes),
    })),
  );
  for (const { connection } of connections) connection.socket.end();
  await Promise.all(connections.map(({ connection }) => connection.closed));

  const answers = connections.map(({ connection }) => connection.received);
  expect(answers.join('')).not.toContain('root:');
  const served = connections.filter(({ connection }) => / 200 /.test(connection.received));
  expect(served.map(({ name }) => name)).toEqual([]);
  expect(await healthStatus(node)).toBe(200);
  expect((await chat({ max_tokens: 2 })).status).toBe(200);
  await until(() => descriptors(pid) <= before + 3, 5000);
}, 30_000);

describe('64 MB bodies', () => {
  const bodyOf = (fields: object): Uint8Array =>
    new TextEncoder().encode(JSON.stringify({ model: 'tiny', max_tokens: 1, ...fields }));
  const post = (url: string, body: Uint8Array<ArrayBuffer>): Promise<Response> =>
    fetch(url, { method: 'POST', body });

  test('on every route that takes one are refused by name, several at once, and the daemon serves on', async () => {
    const { node, pid, chat } = await startDaemon();
    const text = new TextEncoder().encode(
      JSON.stringify({
        model: 'tiny',
        model_id: 'tiny',
        content: 'x'.repeat(64 << 20),
        messages: [{ role: 'user', content: 'hi' }],
      }),
    );
    const routes = [
      '/v1/chat/completions',
      '/v1/completions',
      '/v1/embeddings',
      '/v1/rerank',
      '/tokenize',
      '/count-tokens',
      '/models/load',
      '/models/unload',
      '/models/tiny/estimate',
      '/nowhere',
    ];

    const answers = await Promise.all(
      routes.map(async (route) => [route, (await post(node + route, text)).status] as const),
    );

    expect(answers.filter(([, status]) => ![400, 404, 413, 422].includes(status))).toEqual([]);
    expect(await healthStatus(node)).toBe(200);
    expect((await chat({ max_tokens: 2 })).status).toBe(200);
    expect(pid).toBeGreaterThan(0);
  }, 60_000);

  test('that are compressed to a few kilobytes are counted as they are, and refused above 256 MB', async () => {
    const { node } = await startDaemon();
    const bomb = Bun.gzipSync(Buffer.alloc(300 << 20, ' '));

    const answer = await fetch(`${node}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip' },
      body: bomb,
    });

    expect(answer.status).toBe(413);
    expect((await answer.json()).error.code).toBe('request_too_large');
    expect(await healthStatus(node)).toBe(200);
  }, 60_000);

  test('without a model that holds them wait for nothing: an unknown model is a 404 at once', async () => {
    const { node } = await startDaemon();

    const answer = await post(
      `${node}/v1/chat/completions`,
      Buffer.from(
        bodyOf({ model: 'nobody', messages: [{ role: 'user', content: 'x'.repeat(64 << 20) }] }),
      ),
    );

    expect(answer.status).toBe(404);
  }, 60_000);
});
