import { describe, expect, test } from 'bun:test';

import { joinUrl, reachableEndpoint } from './endpoint-url.ts';

describe('joinUrl', () => {
  test('puts exactly one slash between base and path', () => {
    const joined = [
      joinUrl('http://a:1', '/v1/x'),
      joinUrl('http://a:1/', '/v1/x'),
      joinUrl('http://a:1//', '//v1/x'),
      joinUrl('http://a:1/base', 'v1/x'),
    ];
    expect(joined).toEqual([
      'http://a:1/v1/x',
      'http://a:1/v1/x',
      'http://a:1/v1/x',
      'http://a:1/base/v1/x',
    ]);
  });
});

describe('reachableEndpoint', () => {
  test('an address of the node’s own machine becomes its configured host, with the port it named', () => {
    const hosts = ['localhost', '127.0.0.1', '127.0.1.1', '0.0.0.0', '[::1]', '[::]'];
    const reached = hosts.map((host) =>
      reachableEndpoint(`http://${host}:8000/`, 'http://beast:13131'),
    );
    expect(new Set(reached)).toEqual(new Set(['http://beast:8000']));
  });

  test('any other address stays', () => {
    expect(reachableEndpoint('http://10.0.0.7:8000/base/', 'http://beast:13131')).toBe(
      'http://10.0.0.7:8000/base',
    );
  });
});
