import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { ResponseParser, WireError } from './response-parser.ts';

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  end: string | undefined;
}

/** What a parser makes of the pieces of one answer. */
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

describe('an answer', () => {
  test('with a length ends with its last byte', () => {
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

  test('without a body ends with its head', () => {
    expect(parseText('HTTP/1.1 204 No Content\r\n\r\n')).toMatchObject({
      body: '',
      end: 'reusable',
    });
    expect(parseText('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n').end).toBe('reusable');
  });

  test('without a length ends with its connection', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nabc';

    expect(parseText(text).end).toBeUndefined();
    expect(parseText(text, 'closed')).toMatchObject({ body: 'abc', end: 'spent' });
  });

  test('that closes its connection, or is of HTTP/1.0, leaves none to use again', () => {
    expect(parseText('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n').end).toBe(
      'spent',
    );
    expect(parseText('HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n').end).toBe('spent');
  });

  test('may be announced by an interim one', () => {
    const text =
      'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na';

    expect(parseText(text)).toMatchObject({
      status: 200,
      headers: { 'content-length': '1' },
      body: 'a',
    });
  });

  test('in chunks, with extensions and trailers, is the same however it is cut', () => {
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

describe('what is no answer is refused', () => {
  for (const [what, text] of Object.entries({
    'another protocol': 'SSH-2.0-OpenSSH\r\n\r\n',
    'a header without a name': 'HTTP/1.1 200 OK\r\n: x\r\n\r\n',
    'a length that is no number': 'HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n',
    'an unknown coding': 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n',
    'a chunk without a size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n',
    'a chunk longer than it says':
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n',
    'bytes behind the end': 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab',
    'a head without an end': `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`,
  })) {
    test(what, () => {
      expect(() => parseText(text)).toThrow(WireError);
    });
  }

  test('an answer that is cut off', () => {
    expect(() => parseText('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab', 'closed')).toThrow(
      WireError,
    );
    expect(() => parseText('HTTP/1.1 200', 'closed')).toThrow(WireError);
  });
});
