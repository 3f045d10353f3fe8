import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { text, texts, u32 } from '@cortex/testkit/gguf/gguf-file';
import { changed, embeddingModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf as readWhole } from '@cortex/testkit/gguf/read-gguf';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { bytesSource } from './byte-source.ts';
import { type GgufReading, readGguf, readGgufFile } from './read-gguf.ts';

const PATH = fileURLToPath(new URL('../../../../models/cortex-tiny.gguf', import.meta.url));
const TINY = readFileSync(PATH);

const read = (bytes: Uint8Array): Promise<GgufReading> => readGguf(bytesSource(bytes));

async function problemOf(bytes: Uint8Array): Promise<string> {
  const reading = await read(bytes);
  return reading.kind === 'broken' ? reading.problem : 'none';
}

/** The file with `value` as the 64-bit number at `offset`. */
function withNumber(bytes: Uint8Array, offset: number, value: bigint): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeBigUInt64LE(value, offset);
  return copy;
}

async function headerBytes(): Promise<number> {
  const reading = await read(TINY);
  return reading.kind === 'whole' ? reading.header.dataAt : 0;
}

describe('the header of a GGUF file', () => {
  test('is read alike from disk and from memory', async () => {
    const fromDisk = await readGgufFile(PATH);

    expect(fromDisk).toEqual(await read(TINY));
    expect(fromDisk).toMatchObject({ kind: 'whole', header: { architecture: 'qwen3' } });
  });

  test('includes the pooling type', async () => {
    const reading = await read(writeGguf(embeddingModel()));

    const { architecture = '', metadata } = reading.kind === 'whole' ? reading.header : {};
    expect(metadata?.get(`${architecture}.pooling_type`)?.value).toBe(1);
  });

  test('with a vocabulary of 300,000 tokens is read completely, in several chunks', async () => {
    const tokens = Array.from({ length: 300_000 }, (_, index) => `token ${index}`);
    const large = changed(await readWhole(TINY), { 'tokenizer.ggml.tokens': texts(tokens) });

    const reading = await read(writeGguf(large));

    const value = reading.kind === 'whole' && reading.header.metadata.get('tokenizer.ggml.tokens');
    expect(value && value.value).toEqual(tokens);
  });

  test.each([
    ['a file of no bytes', () => new Uint8Array(), 'it has 0 bytes, which is not a GGUF file'],
    ['another kind of file', () => Buffer.alloc(4096, 'x'), 'does not begin with "GGUF"'],
    ['version 9', () => Buffer.from(TINY).fill(9, 4, 5), 'GGUF version 9 is not supported'],
    ['the other byte order', () => Buffer.from(TINY).fill(3, 7, 8).fill(0, 4, 5), 'big-endian'],
    ['2^40 tensors', () => withNumber(TINY, 8, 2n ** 40n), '1099511627776'],
    ['2^64 entries', () => withNumber(TINY, 16, 2n ** 64n - 1n), '18446744073709551615'],
    ['one tensor too many', () => withNumber(TINY, 8, 200n), 'is not valid'],
    ['a key of 2^40 bytes', () => withNumber(TINY, 24, 2n ** 40n), '1099511627776'],
  ])('with %s is broken, and says why', async (_name, bytes, problem) => {
    expect(await problemOf(bytes())).toContain(problem);
  });

  test('without an architecture, or with a number as architecture, is refused', async () => {
    const whole = await readWhole(TINY);
    const numbered = changed(whole, { 'general.architecture': u32(7) });

    expect(await problemOf(writeGguf(numbered))).toContain('"general.architecture"');
  });

  test('that is cut off at any position is refused with a one-line error', async () => {
    const length = await headerBytes();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: length - 33 }), async (size) => {
        const problem = await problemOf(TINY.subarray(0, size));
        expect(problem).not.toBe('none');
        expect(problem).not.toContain('\n');
      }),
      { numRuns: 30 },
    );
  });

  test('of a file with truncated weights is refused with the name of the missing tensor', async () => {
    expect(await problemOf(TINY.subarray(0, TINY.length >> 1))).toMatch(
      /tensor ".+" lies behind the end of the file/,
    );
  });

  test('with random changed bytes is read or refused quickly, with bounded memory', async () => {
    const length = await headerBytes();
    const before = process.memoryUsage.rss();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(Math.min(length, 3000)), fc.nat(255)), {
          minLength: 1,
          maxLength: 8,
        }),
        async (changes) => {
          const bytes = Buffer.from(TINY);
          for (const [at, value] of changes) bytes[at] = value;
          expect(['whole', 'broken']).toContain((await read(bytes)).kind);
        },
      ),
      { numRuns: 50 },
    );
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(512);
  });

  test('of more than 50 MB is refused before it is read into memory', async () => {
    const note = text('x'.repeat(400_000));
    const notes = Object.fromEntries(Array.from({ length: 140 }, (_, n) => [`note.${n}`, note]));
    const large = changed(await readWhole(TINY), notes);

    expect(await problemOf(writeGguf(large))).toBe('its header is larger than 50 MB');
  });

  test('of a file that cannot be read throws the error of the file system', async () => {
    const source = { ...bytesSource(TINY), read: () => Promise.reject(new Error('EIO')) };

    expect(readGguf(source)).rejects.toThrow('EIO');
  });
});
