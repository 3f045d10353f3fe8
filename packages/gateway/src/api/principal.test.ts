import { describe, expect, test } from 'bun:test';

import { Principals } from './principal.ts';

const of = (
  headers: Record<string, string>,
  peer: string,
  proxies: readonly string[] = [],
): string => new Principals(proxies).of(new Headers(headers), peer);

describe('a principal', () => {
  test('is a hash of the session id, if the request has one', () => {
    const session = of({ 'x-session-id': 'my session' }, '10.0.0.1');

    expect(session).toMatch(/^session:[0-9a-f]{16}$/);
    expect(of({ 'x-claude-code-session-id': 'my session' }, '10.0.0.2')).toBe(session);
    expect(of({ 'x-session-id': 'another' }, '10.0.0.1')).not.toBe(session);
  });

  test('is otherwise the client address, for IPv6 its /64 network', () => {
    expect(of({}, '10.0.0.1')).toBe('addr:10.0.0.1');
    expect(of({}, '::ffff:10.0.0.1')).toBe('addr:10.0.0.1');
    expect(of({}, '2001:db8:1:2:3:4:5:6')).toBe('addr:2001:db8:1:2::/64');
    expect(of({}, '2001:db8::1')).toBe('addr:2001:db8:0:0::/64');
    expect(of({}, '::1')).toBe('addr:0:0:0:0::/64');
  });

  test('does not keep session ids in memory, whatever their number and length', () => {
    const principals = new Principals([]);
    const ask = (count: number) => {
      for (let index = 0; index < count; index += 1) {
        const session = `${index}${'s'.repeat(15_000)}`;
        principals.of(new Headers({ 'x-session-id': session }), '10.0.0.1');
      }
      Bun.gc(true);
      return process.memoryUsage().heapUsed;
    };
    const before = ask(100);

    // All session ids together would be 45 MB.
    expect(ask(3000) - before).toBeLessThan(10 << 20);
  });

  test('is taken from X-Forwarded-For only when the peer is a trusted proxy', () => {
    const headers = { 'x-forwarded-for': '1.1.1.1, 198.51.100.7, 10.0.0.9' };

    expect(of(headers, '10.0.0.8', ['10.0.0.0/8'])).toBe('addr:198.51.100.7');
    expect(of(headers, '10.0.0.8', ['10.0.0.8'])).toBe('addr:10.0.0.9');
    expect(of(headers, '192.0.2.1', ['10.0.0.0/8'])).toBe('addr:192.0.2.1');
    expect(of({ 'x-forwarded-for': 'nonsense' }, '10.0.0.8', ['10.0.0.0/8'])).toBe('addr:10.0.0.8');
  });
});
