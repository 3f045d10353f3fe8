import { afterEach, describe, expect, test } from 'bun:test';
import { createServer, type Server } from 'node:net';

import { createSelfSigned } from '@cortex/testkit';

import { CliError } from '../src/cli-error.ts';
import { createGatewayClient } from '../src/client/gateway-client.ts';

const SELF_SIGNED = createSelfSigned('gateway.example');

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function webServer(
  answer: (request: Request) => Response,
  tls?: { readonly cert: string; readonly key: string },
): string {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer, ...(tls && { tls }) });
  closing.push(() => server.stop(true));
  return server.url.origin;
}

/** A TCP server that sends `text` to every client and then closes. */
async function rawServer(text: string): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(text));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  closing.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

const clientOf = (url: string) =>
  createGatewayClient(url, {
    adminKeys: () => Promise.resolve({ keys: ['sesame'], tried: [] }),
  });

/** Sets `http_proxy` until the end of the test. */
function setProxy(url: string): void {
  const before = process.env['http_proxy'];
  process.env['http_proxy'] = url;
  closing.push(() => {
    if (before === undefined) delete process.env['http_proxy'];
    else process.env['http_proxy'] = before;
  });
}

/** The message of the error that `call` ends with. */
async function messageOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CliError)) throw new Error('no CliError', { cause: error });
  return error.message;
}

const chatWith = (url: string) =>
  Array.fromAsync(clientOf(url).chat({ model: 'm' }, new AbortController().signal));

describe('a command that reaches no gateway says why and what to do:', () => {
  test('a refused connection', async () => {
    const url = await rawServer('');
    await closing.pop()?.();

    expect(await messageOf(clientOf(url).models())).toBe(
      `no gateway answers at ${url}: the connection was refused; start one with "npx cortex up", or set --url or CORTEX_URL`,
    );
  });

  test('a refused connection to another machine, which may listen on loopback only', async () => {
    // Reaches this machine, but is not a loopback address.
    const url = (await rawServer('')).replace('127.0.0.1', '0.0.0.0');
    await closing.pop()?.();

    expect(await messageOf(clientOf(url).models())).toBe(
      `no gateway answers at ${url}: the host refused the connection or cannot be reached; check --url or CORTEX_URL, and that gateway.listen of that gateway is not a loopback address`,
    );
  });

  test('a host name that does not exist', async () => {
    expect(await messageOf(clientOf('http://no-such-host.invalid:31313').models())).toMatch(
      /^no gateway answers at http:\/\/no-such-host\.invalid:31313: the host name cannot be resolved.*; check --url or CORTEX_URL$/,
    );
  });

  test('an https:// URL of a gateway without TLS', async () => {
    const plain = webServer(() => new Response('ok'));
    const url = plain.replace('http:', 'https:');

    expect(await messageOf(clientOf(url).models())).toBe(
      `no gateway answers at ${url}: the TLS handshake failed; if the gateway does not use TLS, write ${plain}`,
    );
  });

  test('a certificate that is not trusted', async () => {
    const url = webServer(() => new Response('ok'), SELF_SIGNED);

    expect(await messageOf(clientOf(url).models())).toMatch(
      /: its certificate is not trusted \(.*self[- ]signed.*\); set NODE_EXTRA_CA_CERTS to a file/,
    );
  });

  test('an http:// URL of a server with TLS', async () => {
    const secure = webServer(() => new Response('ok'), SELF_SIGNED);
    const url = secure.replace('https:', 'http:');

    expect(await messageOf(clientOf(url).models())).toContain(`if it uses TLS, write ${secure}`);
  });

  test('a server that does not speak HTTP', async () => {
    const url = await rawServer('SSH-2.0-OpenSSH_9.9\r\n');

    expect(await messageOf(clientOf(url).models())).toContain(
      'the server there closed the connection or did not answer in HTTP',
    );
  });
});

describe('a command that reaches another program than a gateway says what answered:', () => {
  const page = (status: number) => () =>
    new Response('<html><head><title>502 Bad\nGateway</title></head></html>', {
      status,
      headers: { 'content-type': 'text/html; charset=utf-8' },
    });

  test.each([502, 200, 404])('a web page with status %i', async (status) => {
    const url = webServer(page(status));

    const calls = [() => clientOf(url).models(), () => clientOf(url).nodes(), () => chatWith(url)];
    for (const call of calls) {
      expect(await messageOf(call())).toMatch(
        new RegExp(
          `^${url} did not answer like a cortex gateway \\(${status} .*, a web page titled "502 Bad Gateway"\\); check that --url or CORTEX_URL is the URL of a gateway$`,
        ),
      );
    }
  });

  test('JSON of another service', async () => {
    const url = webServer(() => Response.json({ hello: 'world' }));

    expect(await messageOf(clientOf(url).models())).toContain('(200 OK, application/json)');
  });

  test('a redirect, which it does not follow with the admin key', async () => {
    const visits: string[] = [];
    const elsewhere = webServer((request) => {
      visits.push(request.url);
      return Response.json({ nodes: [] });
    });
    const url = webServer(() => Response.redirect(`${elsewhere}/admin/v1/nodes`, 308));

    expect(await messageOf(clientOf(url).nodes())).toBe(
      `${url} redirects to ${elsewhere}; set --url or CORTEX_URL to the URL of the gateway itself`,
    );
    expect(visits).toEqual([]);
  });

  test('a proxy of the environment, with the variable that names it', async () => {
    setProxy(webServer(page(403)).replace('http://', 'http://me:secret@'));

    const message = await messageOf(clientOf('http://gateway.invalid:31313').models());

    expect(message).toContain(
      'the call went through the proxy of HTTP_PROXY: add gateway.invalid to NO_PROXY',
    );
    expect(message).not.toContain('secret');
  });

  test('a proxy of the environment that cannot be reached', async () => {
    const gone = await rawServer('');
    await closing.pop()?.();
    setProxy(gone.replace('http://', 'http://me:secret@'));

    expect(await messageOf(clientOf('http://gateway.invalid:31313').models())).toBe(
      `no gateway answers at http://gateway.invalid:31313: the call goes through the proxy of HTTP_PROXY (${gone}), and the connection was refused; add gateway.invalid to NO_PROXY, or correct HTTP_PROXY`,
    );
  });
});

describe('an answer that is cut off is an error in one line:', () => {
  test('the list of models', async () => {
    const url = await rawServer('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"data":');

    expect(await messageOf(clientOf(url).models())).toBe(
      `the gateway at ${url} ended the answer early`,
    );
  });

  test('a stream without [DONE]', async () => {
    const url = webServer(
      () => new Response(': hi\n\n', { headers: { 'content-type': 'text/event-stream' } }),
    );

    expect(await messageOf(chatWith(url))).toBe(`the gateway at ${url} ended the answer early`);
  });
});
