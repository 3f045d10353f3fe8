import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { z } from 'zod';

import { errorResponse, listen, type Listener, readBody } from '../src/index.ts';

const LIMIT_BYTES = 1 << 20;
const Answer = z.looseObject({
  bytes: z.int().optional(),
  hash: z.string().optional(),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
});

type Outcome = [status: number, answer: z.infer<typeof Answer>];

let listener: Listener;
let lastError: PromiseWithResolvers<unknown>;
beforeAll(() => {
  lastError = Promise.withResolvers();
  listener = listen({
    listen: '127.0.0.1:0',
    key: 'listen',
    fetch: async (request) => {
      try {
        const body = await readBody(request, { maxBytes: LIMIT_BYTES, signal: request.signal });
        return Response.json({ bytes: body.length, hash: Bun.hash(body).toString() });
      } catch (error) {
        lastError.resolve(error);
        return errorResponse(error, { dialect: 'openai', requestId: 'req_1' });
      }
    },
  });
});
afterAll(() => listener.stop('now'));

async function send(body: BodyInit, encoding?: string): Promise<Outcome> {
  const response = await fetch(listener.url, {
    method: 'POST',
    body,
    headers: encoding === undefined ? {} : { 'content-encoding': encoding },
  });
  return [response.status, Answer.parse(await response.json())];
}

/** A body of unknown length, sent chunked. */
function chunked(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + 60_000));
      at += 60_000;
      return undefined;
    },
  });
}

const random = (length: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536)
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};

const COMPRESSORS = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: (bytes: Uint8Array) => brotliCompressSync(bytes, { params: { 0: 1, 1: 1 } }),
  zstd: zstdCompressSync,
} as const;

describe('a body of exactly the limit is read completely', () => {
  const bytes = random(LIMIT_BYTES);
  const expected: Outcome = [200, { bytes: LIMIT_BYTES, hash: Bun.hash(bytes).toString() }];

  test('with a Content-Length', async () => {
    expect(await send(bytes)).toEqual(expected);
  });

  test('with chunked encoding', async () => {
    expect(await send(chunked(bytes))).toEqual(expected);
  });

  test.each(['gzip', 'deflate', 'br', 'zstd'] as const)('compressed with %s', async (encoding) => {
    const text = new Uint8Array(LIMIT_BYTES).fill(0x61);

    const [status, answer] = await send(COMPRESSORS[encoding](text), encoding);

    expect([status, answer]).toEqual([
      200,
      { bytes: LIMIT_BYTES, hash: Bun.hash(text).toString() },
    ]);
  });
});

describe('a body of one byte more than the limit is refused in the error envelope', () => {
  const bytes = random(LIMIT_BYTES + 1);
  const expected: Outcome = [
    413,
    { error: { code: 'request_too_large', message: 'The body is larger than 1 MiB.' } },
  ];

  test('with a Content-Length', async () => {
    expect(await send(bytes)).toMatchObject(expected);
  });

  test('with chunked encoding', async () => {
    expect(await send(chunked(bytes))).toMatchObject(expected);
  });

  test.each(['gzip', 'deflate', 'br', 'zstd'] as const)('compressed with %s', async (encoding) => {
    const text = new Uint8Array(LIMIT_BYTES + 1).fill(0x61);

    expect(await send(COMPRESSORS[encoding](text), encoding)).toMatchObject(expected);
  });
});

test.each(['gzip', 'zstd'] as const)(
  'a %s bomb of 1 GiB uses no more memory than a normal body',
  async (encoding) => {
    const bomb = COMPRESSORS[encoding](new Uint8Array(1 << 30));
    Bun.gc(true);
    const beforeBytes = process.memoryUsage.rss();
    let peakBytes = 0;
    const watching = setInterval(
      () => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())),
      1,
    );

    const [status] = await send(bomb, encoding);
    clearInterval(watching);

    expect(status).toBe(413);
    expect(peakBytes - beforeBytes).toBeLessThan(100 << 20);
  },
);

describe('a compressed body is refused', () => {
  test.each(['rot13', 'constructor', '__proto__', 'toString', 'gzip, gzip', 'x'.repeat(8000)])(
    'with the unknown encoding %.20p',
    async (encoding) => {
      expect(await send('{}', encoding)).toMatchObject([
        415,
        { error: { code: 'unsupported_media_type' } },
      ]);
    },
  );

  test('if its bytes are not of the declared encoding', async () => {
    expect(await send('{"model":"m"}', 'gzip')).toMatchObject([
      400,
      { error: { code: 'invalid_request' } },
    ]);
  });

  describe.each(['gzip', 'deflate', 'br', 'zstd'] as const)('in %s', (encoding) => {
    const whole = COMPRESSORS[encoding](
      new TextEncoder().encode(JSON.stringify(Array.from({ length: 300 }, (_, at) => at * 7919))),
    );
    const refused: Outcome = [
      400,
      {
        error: {
          code: 'invalid_request',
          message: `The body is not valid ${encoding}, which its Content-Encoding names: it is cut off or corrupt.`,
        },
      },
    ];

    test.each([0, 1, 5, 20, 100, whole.length / 2, whole.length - 4, whole.length - 1])(
      'if its bytes are cut off after %d',
      async (length) => {
        expect(await send(whole.subarray(0, Math.floor(length)), encoding)).toMatchObject(refused);
      },
    );

    test('if other bytes follow', async () => {
      const longer = Buffer.concat([whole, Buffer.from('{}')]);

      expect(await send(longer, encoding)).toMatchObject(refused);
    });
  });
});

test('an empty body is read as zero bytes', async () => {
  expect(await send('')).toMatchObject([200, { bytes: 0 }]);
});

test('a client that disconnects while it sends its body is client_closed_request', async () => {
  lastError = Promise.withResolvers();
  const socket = connect(listener.port, '127.0.0.1', () => {
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"mod', () =>
      socket.destroy(),
    );
  });

  expect(await lastError.promise).toMatchObject({ code: 'client_closed_request' });
});

test('a request with both Content-Length and chunked encoding cannot exceed the limit', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = '';
  const socket = connect(listener.port, '127.0.0.1', () => {
    socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    socket.write(`200000\r\n${'x'.repeat(0x200000)}\r\n0\r\n\r\n`);
  });
  socket.on('data', (data) => (received += String(data)));
  socket.on('error', () => undefined);
  socket.on('close', () => resolve(received));
  socket.setTimeout(1000, () => socket.destroy());

  const answer = await promise;

  expect(answer).not.toContain('200 OK');
});
