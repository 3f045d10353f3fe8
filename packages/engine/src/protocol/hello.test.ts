import { expect, test } from 'bun:test';

import { formatHello, readHello } from './hello.ts';

test('a hello of this version is understood, whatever else it says', () => {
  const reading = readHello({ ...formatHello('x', '1'), mood: 'good' });

  expect(reading).toMatchObject({ kind: 'ok', hello: { name: 'x', version: '1' } });
});

test('another major version is told apart although the rest of its hello is unknown', () => {
  expect(readHello({ kind: 'hello', protocol: 2, identity: {} })).toEqual({
    kind: 'otherProtocol',
    protocol: 2,
  });
});

test('anything else is no hello', () => {
  for (const message of [undefined, 7, {}, { kind: 'stats' }, { kind: 'hello' }]) {
    expect(readHello(message)).toEqual({ kind: 'notHello' });
  }
});
