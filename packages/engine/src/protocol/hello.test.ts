import { expect, test } from 'bun:test';

import { formatHello, readHello } from './hello.ts';

test('a hello of this protocol version is accepted with unknown members', () => {
  const reading = readHello({ ...formatHello('x', '1'), mood: 'good' });

  expect(reading).toMatchObject({ kind: 'ok', hello: { name: 'x', version: '1' } });
});

test('another protocol version is recognised even if the rest of its hello is unknown', () => {
  expect(readHello({ kind: 'hello', protocol: 2, identity: {} })).toEqual({
    kind: 'otherProtocol',
    protocol: 2,
  });
});

test('a message of another shape is not a hello', () => {
  for (const message of [undefined, 7, {}, { kind: 'stats' }, { kind: 'hello' }]) {
    expect(readHello(message)).toEqual({ kind: 'notHello' });
  }
});
