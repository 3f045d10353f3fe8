import { createServer, type Server, type Socket, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';

import { Link } from './link.ts';

let node: Server;
let link: Link;
/** What the node has received, and its connections. */
let received = '';
let connections = 0;

beforeEach(async () => {
  received = '';
  connections = 0;
  node = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received += bytes.toString();
      socket.write(`${bytes.toString()}!`);
    });
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  link = await Link.to(`http://127.0.0.1:${Object(node.address()).port}`);
});
afterEach(async () => {
  await link.close();
  await new Promise((resolve) => node.close(resolve));
});

/** A connection of the gateway, with its next answer and its end. */
function dial() {
  const socket: Socket = connect(Number(new URL(link.url).port), '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('error', () => undefined);
  const answer = () =>
    new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(bytes.toString())));
  return { socket, answer, closed };
}

describe('a link', () => {
  test('passes bytes in both directions, and the end of a connection', async () => {
    const { socket, answer, closed } = dial();
    socket.write('hello');

    expect(await answer()).toBe('hello!');
    socket.end();
    await closed;
  });

  test('that is held delivers nothing, and everything in order once it is restored', async () => {
    const before = dial();
    before.socket.write('a');
    await before.answer();

    link.hold();
    before.socket.write('b');
    const during = dial();
    await new Promise((resolve) => during.socket.once('connect', resolve));
    before.socket.write('c');
    expect([received, connections]).toEqual(['a', 1]);
    const answer = before.answer();
    link.restore();

    expect(await answer).toStartWith('b');
    during.socket.write('d');
    expect(await during.answer()).toBe('d!');
    expect(received).toMatch(/^ab(?:cd|dc)$/);
    expect(connections).toBe(2);
  });

  test('that is cut resets its connections and every new one, until it is restored', async () => {
    const before = dial();
    before.socket.write('a');
    await before.answer();

    link.cut();
    await before.closed;
    await dial().closed;
    link.restore();

    const after = dial();
    after.socket.write('b');
    expect(await after.answer()).toBe('b!');
  });

  test('with a delay passes bytes later, in order', async () => {
    link.delayMs = 30;
    const { socket, answer } = dial();
    const startMs = performance.now();
    socket.write('slow');

    expect(await answer()).toBe('slow!');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(59);
  });
});
