import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { texts } from '@cortex/testkit/gguf/gguf-file';
import { changed } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';

import type { RemoteFile } from './pull/remote-file.ts';
import { RemoteHeaders } from './remote-headers.ts';

const TINY = join(import.meta.dir, '../../../../models/cortex-tiny.gguf');

/** A model with a vocabulary of 150,000 tokens. */
async function largeHeader(): Promise<Uint8Array> {
  const tokens = Array.from({ length: 150_000 }, (_, index) => `token ${index}`);
  const tiny = await readGguf(readFileSync(TINY));
  return writeGguf(changed(tiny, { 'tokenizer.ggml.tokens': texts(tokens) }));
}

const served = (bytes: Uint8Array): RemoteFile => ({
  name: 'hf:org/repo:m.gguf',
  fileName: 'm.gguf',
  sizeBytes: bytes.length,
  open: ({ start, end }) =>
    Promise.resolve({
      start,
      body: (async function* () {
        yield bytes.slice(start, end);
      })(),
    }),
});

describe('the header of a remote file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'remote-headers-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const fetch = (remote: RemoteFile) => {
    const file = { remote, path: '', partialPath: '', install: () => Promise.resolve('') };
    return new RemoteHeaders(folder).fetch('m', { files: [file], parts: 1 });
  };

  test('is stored byte for byte as on the server, in a file of the same size', async () => {
    const bytes = await largeHeader();
    const { path } = await fetch(served(bytes));

    const stored = readFileSync(path);
    expect(stored.length).toBe(bytes.length);
    expect(Buffer.compare(stored.subarray(0, 2_000_000), bytes.subarray(0, 2_000_000))).toBe(0);
  });
});
