import { createSelfSigned } from '@cortex/testkit';
import { type ServedAnswer, startFileServer } from '@cortex/testkit/hub/file-server';
import { describe, expect, test } from 'bun:test';

import { callerHosts } from './host-rules.ts';
import { WebClient } from './web-client.ts';

const tls = createSelfSigned('localhost');
const signal = new AbortController().signal;

/** A server, and a client that connects to it whatever the host of a URL is. */
async function setUp(answer: (path: string) => ServedAnswer = () => ({ status: 200, body: 'x' })) {
  const server = await startFileServer({ tls, answer: ({ path }) => answer(path) });
  const client = new WebClient({
    hosts: { addressFor: () => Promise.resolve('127.0.0.1') },
    ca: tls.cert,
  });
  return { server, client, url: (host: string) => `https://${host}:${server.port}/file` };
}

describe('a connection to an address that was checked', () => {
  test('names the host to the server, and checks the certificate for that name', async () => {
    const { server, client, url } = await setUp();
    await using _server = server;

    const response = await client.get({ url: url('localhost'), signal });

    expect(await response.text()).toBe('x');
    expect(server.requests[0]?.headers.get('host')).toBe(`localhost:${server.port}`);
  });

  test('fails if the certificate is that of another name', async () => {
    const { server, client, url } = await setUp();
    await using _server = server;

    const failure = client.get({ url: url('files.example'), signal });

    await expect(failure).rejects.toThrow('cannot be reached');
    expect(server.requests).toEqual([]);
  });
});

test('redirects that lead nowhere end after ten', async () => {
  const { server, client, url } = await setUp(() => ({
    status: 302,
    headers: { location: '/again' },
  }));
  await using _server = server;

  await expect(client.get({ url: url('localhost'), signal })).rejects.toThrow(
    'redirects more than 10 times',
  );
});

test('a name with one address that is not public is not contacted', async () => {
  const hosts = callerHosts([], () => Promise.resolve(['1.1.1.1', '127.0.0.1']));

  await expect(hosts.addressFor(new URL('https://files.example/x'))).rejects.toThrow('not public');
});

test('a name with public addresses is contacted at the first of them', async () => {
  const hosts = callerHosts([], () => Promise.resolve(['1.1.1.1', '8.8.8.8']));

  expect(await hosts.addressFor(new URL('https://files.example/x'))).toBe('1.1.1.1');
});
