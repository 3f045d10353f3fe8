import { describe, expect, test } from 'bun:test';

import { createJoinToken, formatJoinToken, parseJoinToken } from './join-token.ts';
import { seal, unseal } from './sealed-body.ts';

const VALUE = { name: 'beast', token: 'the token of the node' };

describe('a join token', () => {
  test('is one word that does not look like an option, and is read back', () => {
    const token = createJoinToken();

    const text = formatJoinToken(token);

    expect(text).toMatch(/^[0-9a-f][\w-]{54}$/);
    expect(parseJoinToken(text)).toEqual(token);
  });

  test.each(['', 'x', 'g'.repeat(55), `${'0'.repeat(55)} `, '0'.repeat(54), '0'.repeat(56)])(
    'is not read from %j',
    (text) => {
      expect(parseJoinToken(text)).toBeUndefined();
    },
  );
});

describe('a sealed body', () => {
  const token = createJoinToken();

  test('is read with its token and does not show what it says', () => {
    const body = seal(token, 'request', VALUE);

    expect(unseal(token, 'request', body)).toEqual(VALUE);
    expect(Buffer.from(body.data, 'base64url').toString('latin1')).not.toContain('beast');
  });

  test('is a different one each time', () => {
    const [first, second] = [seal(token, 'request', VALUE), seal(token, 'request', VALUE)];

    expect(first.iv).not.toBe(second.iv);
    expect(first.data).not.toBe(second.data);
  });

  test('is not read with another secret, under another id, or as the other direction', () => {
    const body = seal(token, 'request', VALUE);
    const other = createJoinToken();

    expect(unseal({ ...token, secret: other.secret }, 'request', body)).toBeUndefined();
    expect(unseal({ ...token, id: other.id }, 'request', body)).toBeUndefined();
    expect(unseal(token, 'answer', body)).toBeUndefined();
  });

  test('is not read after a change of any of its bytes', () => {
    const body = seal(token, 'answer', VALUE);
    const bytes = Buffer.from(body.data, 'base64url');

    for (const index of bytes.keys()) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      const data = changed.toString('base64url');
      expect(unseal(token, 'answer', { ...body, data })).toBeUndefined();
    }
  });

  test.each([
    ['', ''],
    ['AAAA', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['AAAAAAAAAAAAAAAA', 'AAAA'],
  ])('is not read from the parts %j and %j, which are too short', (iv, data) => {
    expect(unseal(token, 'request', { iv, data })).toBeUndefined();
  });
});
