/** The incomplete file of a download, with the hash of the bytes that it has. */
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { FileHash } from './file-hash.ts';
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
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #hash: FileHash;
  #bytes: number;

  private constructor(
    path: string,
    handle: FileHandle,
    content: { readonly hash: FileHash; readonly bytes: number },
  ) {
    this.#path = path;
    this.#handle = handle;
    this.#hash = content.hash;
    this.#bytes = content.bytes;
  }

  /** Opens or creates the file. Bytes that cannot be of this version are dropped. */
  static open(file: RemoteFile, path: string): Promise<PartialFile> {
    return onDisk(async () => {
      await mkdir(dirname(path), { recursive: true });
      const found = await sizeOnDisk(path);
      const { checksum, sizeBytes, version } = file;
      const bytes = found <= sizeBytes && version !== undefined ? found : 0;
      const handle = await open(path, 'a+');
      if (bytes < found) await handle.truncate(0);
      const hash = new FileHash({
        path,
        fd: handle.fd,
        kind: checksum?.kind ?? 'sha256',
        sizeBytes,
      });
      hash.reached(bytes);
      return new PartialFile(path, handle, { hash, bytes });
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
      this.#bytes += chunk.length;
      this.#hash.reached(this.#bytes);
    });
  }

  /** Drops all bytes. */
  restart(): Promise<void> {
    return onDisk(async () => {
      await this.#handle.truncate(0);
      this.#hash.restart();
      this.#bytes = 0;
    });
  }

  /** The hash of the file, once: nothing can be appended afterwards. `signal` ends it. */
  digest(signal: AbortSignal): Promise<string> {
    return onDisk(() => this.#hash.digest(signal));
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

  async close(): Promise<void> {
    await this.#hash.close();
    await this.#handle.close();
  }
}
