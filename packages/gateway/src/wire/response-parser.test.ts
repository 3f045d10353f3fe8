import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { ResponseParser } from './response-parser.ts';
import { WireError } from './wire-error.ts';

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  end: string | undefined;
}

/** Parses the pieces of one answer. */
function parse(
  pieces: readonly Uint8Array<ArrayBuffer>[],
  close: 'open' | 'closed' = 'open',
): Answer {
  const answer: Answer = { status: 0, headers: {}, body: '', end: undefined };
  const decoder = new TextDecoder();
  const parser = new ResponseParser({
    head: (head) => Object.assign(answer, head),
    body: (bytes) => {
      answer.body += decoder.decode(bytes, { stream: true });
    },
    end: (connection) => {
      answer.end = connection;
    },
  });
  for (const piece of pieces) parser.push(piece);
  if (close === 'closed') parser.close();
  return answer;
}

const parseText = (text: string, close: 'open' | 'closed' = 'open'): Answer =>
  parse([bytesOf(text)], close);

describe('the response parser', () => {
  test('ends an answer with Content-Length after its last byte', () => {
    expect(
      parseText(
        'HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Two: 1\r\nx-two:2\r\nContent-Length: 3\r\n\r\nabc',
      ),
    ).toMatchObject({
      status: 200,
      headers: { 'content-type': 'a/b', 'x-two': '1, 2' },
      body: 'abc',
      end: 'reusable',
    });
  });

  test('ends an answer without a body after its head', () => {
    expect(parseText('HTTP/1.1 204 No Content\r\n\r\n')).toMatchObject({
      body: '',
      end: 'reusable',
    });
    expect(parseText('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n').end).toBe('reusable');
  });

  test('ends an answer without a length when the connection closes', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nabc';

    expect(parseText(text).end).toBeUndefined();
    expect(parseText(text, 'closed')).toMatchObject({ body: 'abc', end: 'spent' });
  });

  test('reports the connection as spent after "Connection: close" or an HTTP/1.0 answer', () => {
    expect(parseText('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n').end).toBe(
      'spent',
    );
    expect(parseText('HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n').end).toBe('spent');
  });

  test('accepts headers named like members of an object', () => {
    const { headers } = parseText(
      'HTTP/1.1 200 OK\r\nconstructor: a\r\ntoString: b\r\n__proto__: c\r\ncontent-length: 0\r\n\r\n',
    );

    expect(Object.entries(headers)).toEqual([
      ['constructor', 'a'],
      ['tostring', 'b'],
      ['__proto__', 'c'],
      ['content-length', '0'],
    ]);
  });

  test('skips an interim answer', () => {
    const text =
      'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na';

    expect(parseText(text)).toMatchObject({
      status: 200,
      headers: { 'content-length': '1' },
      body: 'a',
    });
  });

  test('reads chunks with extensions and trailers, wherever the bytes are split', () => {
    const text =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n,\r\nA\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\n';
    const bytes = bytesOf(text);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: bytes.length - 1 })), (cuts) => {
        const at = [0, ...new Set(cuts), bytes.length].toSorted((a, b) => a - b);
        const pieces = at.slice(1).map((end, index) => bytes.slice(at[index] ?? 0, end));
        expect(parse(pieces)).toMatchObject({ body: 'hello,0123456789', end: 'reusable' });
      }),
    );
  });
});

describe('the response parser refuses an answer', () => {
  for (const [what, text] of Object.entries({
    'of another protocol': 'SSH-2.0-OpenSSH\r\n\r\n',
    'with a status below 100': 'HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n',
    'with a status above 599': 'HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n',
    'that switches to another protocol': 'HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n',
    'with a header without a name': 'HTTP/1.1 200 OK\r\n: x\r\n\r\n',
    'with a space in the name of a header': 'HTTP/1.1 200 OK\r\nx y: z\r\n\r\n',
    'with a space before the colon of a header': 'HTTP/1.1 200 OK\r\ncontent-length : 1\r\n\r\na',
    'with a folded header line': 'HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n',
    'with a line feed in a header': 'HTTP/1.1 200 OK\r\nx: a\nset-cookie: b\r\n\r\n',
    'with a carriage return in a header': 'HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n',
    'with a NUL in a header': 'HTTP/1.1 200 OK\r\nx: a\u0000b\r\n\r\n',
    'with two different lengths':
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
    'with an unknown coding': 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n',
    'with a chunk without a size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n',
    'with a chunk longer than its size':
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n',
    'followed by further bytes': 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab',
    'whose lines end with LF alone': 'HTTP/1.1 200 OK\ncontent-length: 1\n\na',
    'with a head that does not end': `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`,
  })) {
    test(what, () => {
      expect(() => parseText(text)).toThrow(WireError);
    });
  }

  test('that ends too early', () => {
    expect(() => parseText('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab', 'closed')).toThrow(
      WireError,
    );
    expect(() => parseText('HTTP/1.1 200', 'closed')).toThrow(WireError);
  });
});
