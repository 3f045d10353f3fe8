/** The incomplete file of a download, with the hash of the bytes that it has. */
import type { Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { hashFile, startHash } from './checksum.ts';
import type { RemoteFile } from './remote-file.ts';

/** A failure of the disk, as opposed to one of the network. */
export class DiskFailure extends Error {
  /** The file or its folder was removed meanwhile. */
  get isGone(): boolean {
    return this.#code === 'ENOENT';
  }

  get isFull(): boolean {
    return this.#code === 'ENOSPC' || this.#code === 'EDQUOT';
  }

  get #code(): unknown {
    return this.cause instanceof Error && 'code' in this.cause ? this.cause.code : undefined;
  }
}

async function onDisk<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw new DiskFailure('the disk failed', { cause });
  }
}

/** Size of a file; 0 if it does not exist. */
export async function sizeOnDisk(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

/** Methods throw a `DiskFailure`. */
export class PartialFile {
  readonly #file: RemoteFile;
  readonly #path: string;
  readonly #handle: FileHandle;
  #hash: Hash;
  #bytes: number;

  private constructor(
    { file, path }: { readonly file: RemoteFile; readonly path: string },
    handle: FileHandle,
    content: { readonly hash: Hash; readonly bytes: number },
  ) {
    this.#file = file;
    this.#path = path;
    this.#handle = handle;
    this.#hash = content.hash;
    this.#bytes = content.bytes;
  }

  /** Opens or creates the file, and hashes what it has; `signal` ends that. Bytes that cannot be of this version are dropped. */
  static open(file: RemoteFile, path: string, signal: AbortSignal): Promise<PartialFile> {
    return onDisk(async () => {
      await mkdir(dirname(path), { recursive: true });
      const found = await sizeOnDisk(path);
      const isUsable = found <= file.sizeBytes && file.version !== undefined;
      const bytes = isUsable ? found : 0;
      const handle = await open(path, 'a');
      if (bytes < found) await handle.truncate(0);
      const hash = startHash(file.checksum, file.sizeBytes);
      try {
        await hashFile(hash, { path, bytes }, signal);
      } catch (error) {
        await handle.close();
        throw error;
      }
      return new PartialFile({ file, path }, handle, { hash, bytes });
    });
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(chunk: Uint8Array): Promise<void> {
    return onDisk(async () => {
      for (let at = 0; at < chunk.length;) {
        at += (await this.#handle.write(chunk, at)).bytesWritten;
      }
      this.#hash.update(chunk);
      this.#bytes += chunk.length;
    });
  }

  /** Drops all bytes. */
  restart(): Promise<void> {
    return onDisk(async () => {
      await this.#handle.truncate(0);
      this.#hash = startHash(this.#file.checksum, this.#file.sizeBytes);
      this.#bytes = 0;
    });
  }

  /** The hash of the bytes, once: nothing can be appended afterwards. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  /** Gives the complete file its final name, in one step. */
  moveTo(path: string): Promise<void> {
    return onDisk(async () => {
      await this.#handle.sync();
      await rename(this.#path, path);
    });
  }

  remove(): Promise<void> {
    return onDisk(() => rm(this.#path, { force: true }));
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
