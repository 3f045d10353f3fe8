import { expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { formatOwnHeaders, formatRequest, type WireRequest } from './format-request.ts';

const OWN = formatOwnHeaders('beast:13131', 'secret');

function format(request: Partial<WireRequest> = {}, own = OWN): string {
  const pieces = formatRequest(own, {
    method: 'POST',
    path: '/v1/x',
    headers: {},
    body: new Uint8Array(),
    ...request,
  });
  return pieces.map((piece) => Buffer.from(piece).toString('latin1')).join('');
}

test('formatRequest writes host, token, length and headers', () => {
  const body = new TextEncoder().encode('{}');

  expect(format({ body, headers: { 'x-title': 'caf\u00e9\tau lait' } })).toBe(
    'POST /v1/x HTTP/1.1\r\nhost: beast:13131\r\nauthorization: Bearer secret\r\ncontent-length: 2\r\nx-title: caf\u00e9\tau lait\r\n\r\n{}',
  );
});

test('formatRequest writes no Content-Length for a request without a body', () => {
  expect(format({ method: 'GET', body: undefined }, formatOwnHeaders('a', undefined))).toBe(
    'GET /v1/x HTTP/1.1\r\nhost: a\r\n\r\n',
  );
});

test('formatRequest does not copy a large body', () => {
  const body = new Uint8Array(1 << 20);

  expect(formatRequest(OWN, { method: 'POST', path: '/', headers: {}, body })[1]).toBe(body);
});

test.each([
  [{ headers: { 'x-model': '模型' } }],
  [{ headers: { 'x-model': 'a\r\nx-injected: b' } }],
  [{ headers: { 'x-model': 'a\nb' } }],
  [{ headers: { 'x-model': 'a\u0000b' } }],
  [{ headers: { 'x model': 'a' } }],
  [{ headers: { 'x-model\r\nx-injected': 'a' } }],
  [{ headers: { '': 'a' } }],
  [{ headers: { 'x-模': 'a' } }],
  [{ headers: { 'content-length': '0' } }],
  [{ headers: { 'Transfer-Encoding': 'chunked' } }],
  [{ headers: { host: 'evil' } }],
  [{ headers: { Authorization: 'Bearer other' } }],
  [{ path: '/a b' }],
  [{ path: '/a\r\nx-injected: b' }],
  [{ path: '/模' }],
  [{ path: 'a' }],
  [{ path: '' }],
] as const)('formatRequest refuses a request whose framing would break: %j', (change) => {
  expect(() => format(change)).toThrow(TypeError);
});

test('formatOwnHeaders refuses a token or host that is not a valid header value', () => {
  expect(() => formatOwnHeaders('a', 'b\r\nc: d')).toThrow(TypeError);
  expect(() => formatOwnHeaders('a\r\nb: c', undefined)).toThrow(TypeError);
});

test('formatRequest writes exactly the given header lines, or refuses, for any text', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ':', ' ', '\r', '\n', '\0', '\t', 'é', '模'),
  });
  fc.assert(
    fc.property(text, text, text, (path, name, value) => {
      let written: string;
      try {
        written = format({ path: `/${path}`, headers: { [name]: value } });
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        return;
      }
      expect(written.split('\r\n')).toEqual([
        `POST /${path} HTTP/1.1`,
        'host: beast:13131',
        'authorization: Bearer secret',
        'content-length: 0',
        `${name}: ${value}`,
        '',
        '',
      ]);
    }),
  );
});
