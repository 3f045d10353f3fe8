import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { texts } from '@cortex/testkit/gguf/gguf-file';
import { changed } from '@cortex/testkit/gguf/pooled-models';
import { readGguf as readWhole } from '@cortex/testkit/gguf/read-gguf';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { describe, expect, test } from 'bun:test';

import { bytesSource } from './byte-source.ts';
import { readGguf, readGgufFile } from './read-gguf.ts';
import { readGgufFileInThread, readGgufInThread } from './read-in-thread.ts';

const PATH = fileURLToPath(new URL('../../../../models/cortex-tiny.gguf', import.meta.url));
const TINY = readFileSync(PATH);

const withTokens = async (count: number): Promise<Uint8Array> => {
  const tokens = Array.from({ length: count }, (_, index) => `token ${index}`);
  return writeGguf(changed(await readWhole(TINY), { 'tokenizer.ggml.tokens': texts(tokens) }));
};

describe('a GGUF header that is read in a thread', () => {
  test('is the same as one that is read by the caller', async () => {
    expect(await readGgufFileInThread(PATH)).toEqual(await readGgufFile(PATH));
  });

  test('has no list of more than 4,096 items, and all other entries', async () => {
    const bytes = await withTokens(150_000);
    const whole = await readGguf(bytesSource(bytes));

    const reading = await readGgufInThread(bytesSource(bytes));

    const keys = (of: typeof whole) => (of.kind === 'whole' ? [...of.header.metadata.keys()] : []);
    expect(keys(reading)).toEqual(keys(whole).filter((key) => key !== 'tokenizer.ggml.tokens'));
    expect(reading).toMatchObject({ kind: 'whole', header: { architecture: 'qwen3' } });
  });

  test('lets the event loop turn while it is parsed', async () => {
    const bytes = await withTokens(150_000);
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);

    await readGgufInThread(bytesSource(bytes));
    isDone = true;

    // On the thread of the caller it would not turn at all.
    expect(turns).toBeGreaterThan(100);
  });

  test('of a broken file says what is wrong', async () => {
    expect(await readGgufInThread(bytesSource(TINY.subarray(0, 5000)))).toEqual(
      await readGguf(bytesSource(TINY.subarray(0, 5000))),
    );
  });

  test('of a file that cannot be read throws the error of the file system', async () => {
    const source = { ...bytesSource(TINY), read: () => Promise.reject(new Error('EIO')) };

    expect(readGgufInThread(source)).rejects.toThrow('EIO');
    expect(readGgufFileInThread('/nowhere/model.gguf')).rejects.toThrow('ENOENT');
  });
});
