/** Checks that every listener makes before a route: Host, HEAD, web pages. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { type Listener, listen, routePath } from '@cortex/service';

import { rawRequest } from './raw-request.ts';

let listener: Listener;

beforeAll(() => {
  listener = listen({
    listen: '127.0.0.1:0',
    key: 'listen',
    fetch: (request) => {
      const path = routePath(request);
      if (path === '/nowhere') return Response.json({ error: 'nothing here' }, { status: 404 });
      return Response.json({ path, method: request.method }, { headers: { 'x-own': 'yes' } });
    },
    browsers: {
      corsOrigins: ['https://chat.example', 'chrome-extension://*'],
      allowedHosts: ['cortex.example'],
      isOpen: (_method, path) => path !== '/admin',
      keys: { corsOrigins: 'a.cors_origins', allowedHosts: 'a.allowed_hosts' },
    },
  });
});
afterAll(async () => {
  await listener.stop('now');
});

const statusOf = (answer: string): number => Number(/^HTTP\/1\.\d (\d+)/.exec(answer)?.[1]);
const ask = (head: string): Promise<string> => rawRequest(listener.url, `${head}\r\n\r\n`);

describe('a request', () => {
  test.each([
    'GET /health HTTP/1.0',
    'GET //health/ HTTP/1.0',
    'GET /health HTTP/1.1\r\nHost: \r\nConnection: close',
    'GET /health HTTP/1.1\r\nHost: any.name.at.all\r\nConnection: close',
    'GET /health/?probe=1 HTTP/1.1\r\nHost: a\r\nConnection: close',
  ])('without a Host or with a valid one is served: %p', async (head) => {
    const answer = await ask(head);

    expect(statusOf(answer)).toBe(200);
    expect(answer).toContain('"path":"/health"');
  });

  test.each(['a b', 'a/b', 'a@b', '[::1', 'a:99999', 'a\r\nHost: b'])(
    'with the Host %p is refused with 400 in the error envelope',
    async (host) => {
      const answer = await ask(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close`);

      expect(statusOf(answer)).toBe(400);
      expect(answer).toContain('"code":"invalid_request"');
    },
  );

  test.each(['/health', '/nowhere'])(
    'HEAD %s answers like GET, including the length, without a body',
    async (path) => {
      const rest = 'HTTP/1.1\r\nHost: a\r\nConnection: close';
      const [get, head] = await Promise.all([
        ask(`GET ${path} ${rest}`),
        ask(`HEAD ${path} ${rest}`),
      ]);

      const headersOf = (answer: string) =>
        (answer.split('\r\n\r\n')[0] ?? '')
          .toLowerCase()
          .split('\r\n')
          .filter((line) => !/^(?:date|connection):/.test(line))
          .toSorted();
      expect(headersOf(head)).toEqual(headersOf(get));
      expect(get).toMatch(/content-length: [1-9]/i);
      expect(head.split('\r\n\r\n')[1]).toBe('');
    },
  );
});

describe('a web page', () => {
  const call = (path: string, init: RequestInit & { host?: string } = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (init.host !== undefined) headers.set('host', init.host);
    return fetch(listener.url + path, { ...init, headers });
  };
  const preflight = (origin: string, path = '/v1'): Promise<Response> =>
    call(path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, x-own',
        'access-control-request-private-network': 'true',
      },
    });

  test.each(['https://chat.example', 'chrome-extension://abcdef'])(
    'of the listed origin %s may call and read, with and without a preflight',
    async (origin) => {
      const asked = await preflight(origin);
      const answer = await call('/v1', { headers: { origin } });

      expect(asked.status).toBe(204);
      expect(Object.fromEntries(asked.headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-headers': 'authorization, x-own',
        'access-control-allow-private-network': 'true',
      });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(answer.headers.get('vary')).toContain('origin');
    },
  );

  test.each(['https://evil.example', 'http://chat.example', 'null', 'file://', ''])(
    'of the foreign origin %p is refused with 403, including preflights',
    async (origin) => {
      const refused = [
        await preflight(origin),
        await call('/v1', { headers: { origin } }),
        await call('/v1', { method: 'POST', headers: { origin }, body: 'x' }),
      ];

      expect(refused.map(({ status }) => status)).toEqual([403, 403, 403]);
      for (const { headers } of refused)
        expect(headers.has('access-control-allow-origin')).toBe(false);
    },
  );

  test('of a foreign origin may call /health but not read the answer', async () => {
    const answer = await call('/health', { headers: { origin: 'https://evil.example' } });

    expect(answer.status).toBe(200);
    expect(answer.headers.has('access-control-allow-origin')).toBe(false);
  });

  test('of a listed origin may not call routes that cors_origins does not open', async () => {
    const headers = { origin: 'https://chat.example' };

    expect((await call('/admin', { headers })).status).toBe(403);
    expect((await preflight(headers.origin, '/admin')).status).toBe(403);
  });

  test.each(['10.0.0.5:31313', 'beast:31313', 'beast.local', 'cortex.example', '[::1]:31313'])(
    'served from the Host %s that it calls may call everything',
    async (host) => {
      const answer = await call('/admin', { host, headers: { origin: `http://${host}` } });

      expect(answer.status).toBe(200);
    },
  );

  test('served under a public name that is not in allowed_hosts is refused, and the error names the key', async () => {
    const host = 'rebound.example:31313';
    const answer = await call('/v1', { host, headers: { origin: `http://${host}` } });

    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('a.allowed_hosts');
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', undefined])(
    'may not send a POST as %p',
    async (type) => {
      const headers = new Headers({ origin: 'https://chat.example' });
      if (type !== undefined) headers.set('content-type', type);
      const body = new TextEncoder().encode('{}');

      expect((await call('/v1', { method: 'POST', headers, body })).status).toBe(415);
      headers.set('content-type', 'application/json; charset=utf-8');
      expect((await call('/v1', { method: 'POST', headers, body })).status).toBe(200);
    },
  );

  test('has an Origin: without one, any Host and content type are served', async () => {
    const answer = await call('/admin', { method: 'POST', host: 'any.example', body: '{}' });

    expect(answer.status).toBe(200);
  });
});
