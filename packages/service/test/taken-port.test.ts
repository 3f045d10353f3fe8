import { expect, test } from 'bun:test';
import { createServer } from 'node:net';

import { ConfigError, listen } from '../src/index.ts';

const fetch = (): Response => new Response('ok');

function refusal(address: string): unknown {
  try {
    const listener = listen({
      listen: address,
      key: 'gateway.listen',
      envPrefix: 'CORTEX_',
      fetch,
    });
    void listener.stop('now');
  } catch (error) {
    return error;
  }
  throw new Error(`${address} was taken`);
}

test('a port in use by another daemon is reported with the key to set', async () => {
  const first = listen({ listen: '127.0.0.1:0', key: 'listen', fetch });

  const error = refusal(`127.0.0.1:${first.port}`);
  await first.stop('now');

  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toEndWith(
    `gateway.listen: 127.0.0.1:${first.port} is in use by another program: set gateway.listen (or CORTEX_GATEWAY__LISTEN) to another port`,
  );
});

test('a port in use by another program is reported in the same way', async () => {
  const other = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  other.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;

  const error = refusal(`127.0.0.1:${port}`);
  other.close();

  expect(String(error)).toContain('is in use by another program');
});

test('an address of another machine is reported with the key to set', () => {
  expect(String(refusal('192.0.2.1:0'))).toContain(
    '192.0.2.1:0 is not an address of this machine: set gateway.listen',
  );
});

test('a host name that does not resolve is not reported as a port in use', () => {
  expect(String(refusal('no-such-host.invalid:49390'))).toEndWith(
    'the host of no-such-host.invalid:49390 does not resolve to an address of this machine: set gateway.listen (or CORTEX_GATEWAY__LISTEN) to one',
  );
});

test('a listener on port 0 reports the port that it got', async () => {
  const listener = listen({ listen: '127.0.0.1:0', key: 'listen', fetch });

  const response = await globalThis.fetch(listener.url);
  await listener.stop('now');

  expect(listener.url).toBe(`http://127.0.0.1:${listener.port}`);
  expect(await response.text()).toBe('ok');
});

test('a handler that throws is answered as an internal error without its text, and logged with the request id that the client gets', async () => {
  const logged: unknown[] = [];
  const listener = listen({
    listen: '127.0.0.1:0',
    key: 'listen',
    fetch: () => {
      throw new Error('secret');
    },
    log: { error: (fields: unknown) => void logged.push(fields) },
  });

  const response = await globalThis.fetch(listener.url);
  const text = await response.text();
  await listener.stop('now');

  expect(response.status).toBe(500);
  expect(text).toContain('internal_error');
  expect(text).not.toContain('secret');
  const id = response.headers.get('x-request-id') ?? '';
  expect(text).toContain(id);
  expect(logged).toEqual([{ err: new Error('secret'), request_id: id }]);
});
