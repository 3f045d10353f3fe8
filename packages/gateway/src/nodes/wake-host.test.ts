import { expect, test } from 'bun:test';
import { createSocket } from 'node:dgram';

import { wakeHost } from './wake-host.ts';

test('a host is woken by one packet: six bytes of 255, then its address sixteen times', async () => {
  const receiver = createSocket('udp4');
  const received = Promise.withResolvers<Buffer>();
  receiver.on('message', received.resolve);
  await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));

  const { port } = receiver.address();
  await wakeHost({ mac: '00:1A-2b:3c:4D:5e', broadcast: '127.0.0.1', port });

  const packet = (await received.promise).toString('hex');
  receiver.close();
  expect(packet).toBe('ff'.repeat(6) + '001a2b3c4d5e'.repeat(16));
});

test('an address that cannot be reached is an error', async () => {
  const attempt = wakeHost({ mac: '00:1a:2b:3c:4d:5e', broadcast: 'no address', port: 9 });

  await expect(attempt).rejects.toThrow();
});
