import { describe, expect, test } from 'bun:test';

import { createAccess } from './access.ts';

describe('a node with a token', () => {
  const access = createAccess({
    token: { isValid: (given) => given === 'secret' },
    isLoopback: false,
  });

  test('accepts a request with the token', () => {
    expect(() => access.check(new Headers({ authorization: 'Bearer secret' }))).not.toThrow();
  });

  test.each([undefined, 'Bearer wrong', 'Bearer ', 'Basic secret', 'secret'])(
    'refuses %p',
    (authorization) => {
      const headers = new Headers(authorization === undefined ? {} : { authorization });

      expect(() => access.check(headers)).toThrow(
        expect.objectContaining({ code: 'invalid_api_key' }),
      );
    },
  );

  test('trusts the principal in the header of its caller', () => {
    const headers = new Headers({ 'x-cortex-principal': 'key:abc' });

    expect(access.principalOf(headers, '10.0.0.1')).toBe('key:abc');
  });
});

describe('a node without a token', () => {
  const stamped = new Headers({ 'x-cortex-principal': 'key:abc' });

  test('trusts the principal header on loopback only', () => {
    const open = createAccess({ token: undefined, isLoopback: false });
    const local = createAccess({ token: undefined, isLoopback: true });

    expect(open.principalOf(stamped, '10.0.0.1')).toBe('addr:10.0.0.1');
    expect(local.principalOf(stamped, '127.0.0.1')).toBe('key:abc');
  });
});
