import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';

import { FileHash } from './file-hash.ts';

const BYTES = Uint8Array.from({ length: 9_000_000 }, (_, index) => index * 31);
const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const never = new AbortController().signal;

describe('the hash of a file that is being written', () => {
  let path = '';
  let file: FileHandle;
  let hash: FileHash;

  beforeEach(async () => {
    path = join(temporaryFolder('file-hash'), 'file');
    file = await open(path, 'a+');
    hash = new FileHash({ path, fd: file.fd, kind: 'sha256', sizeBytes: BYTES.length });
  });

  afterEach(async () => {
    await hash.close();
    await file.close();
  });

  async function append(bytes: Uint8Array, step = bytes.length): Promise<void> {
    for (let at = 0; at < bytes.length; at += step) {
      const chunk = bytes.subarray(at, at + step);
      await file.write(chunk);
      hash.reached(at + chunk.length);
    }
  }

  test('is that of all its bytes, in whatever steps they come', async () => {
    await append(BYTES, 70_001);

    expect(await hash.digest(never)).toBe(sha256Of(BYTES));
  });

  test('is that of no bytes for an empty file', async () => {
    expect(await hash.digest(never)).toBe(sha256Of(new Uint8Array()));
  });

  test('after a restart is that of the new bytes alone', async () => {
    await append(BYTES.subarray(0, 8_500_000), 1_000_000);
    await file.truncate(0);
    hash.restart();
    await append(BYTES.subarray(1000));

    expect(await hash.digest(never)).toBe(sha256Of(BYTES.subarray(1000)));
  });

  test('after a restart does not depend on bytes that were gone before they were read', async () => {
    hash.reached(5_000_000);
    // The thread finds no bytes.
    await Bun.sleep(100);
    hash.restart();
    await append(BYTES);

    expect(await hash.digest(never)).toBe(sha256Of(BYTES));
  });

  test('fails for a file that is shorter than what was written', async () => {
    await append(BYTES.subarray(0, 100));
    hash.reached(200);

    await expect(hash.digest(never)).rejects.toThrow(`${path} is shorter than what was written.`);
  });

  test('fails with the error of the file system for a file that cannot be read', async () => {
    const folder = await open(join(path, '..'), 'r');
    const other = new FileHash({ path, fd: folder.fd, kind: 'sha256', sizeBytes: 1 });
    other.reached(1);

    expect(await other.digest(never).catch((error: unknown) => error)).toMatchObject({
      code: 'EISDIR',
    });
    await other.close();
    await folder.close();
  });

  test('ends with the reason of its signal', async () => {
    await append(BYTES);
    const reason = new Error('cancelled');

    await expect(hash.digest(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

test('the hash of a file with the checksum of git is the id that git gives it', async () => {
  const path = join(temporaryFolder('file-hash'), 'file');
  const file = await open(path, 'a+');
  const hash = new FileHash({ path, fd: file.fd, kind: 'git', sizeBytes: 6 });
  await file.write('hello\n');
  hash.reached(6);

  // `echo hello | git hash-object --stdin`
  expect(await hash.digest(never)).toBe('ce013625030ba8dba906f756967f9e9ca394464a');
  await hash.close();
  await file.close();
});
