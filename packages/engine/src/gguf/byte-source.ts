import { open } from 'node:fs/promises';

/** Where a file is read from: a disk, memory, or a server that answers range requests. */
export interface ByteSource {
  /** Bytes of the whole file. */
  readonly size: number;
  /** The bytes from `start` to before `end`, or as many of them as there are. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** @throws what the file system says when the file cannot be opened */
export async function openFile(path: string): Promise<ByteSource> {
  const file = await open(path);
  const { size } = await file.stat();
  return {
    size,
    async read(start, end) {
      const { buffer, bytesRead } = await file.read(
        new Uint8Array(end - start),
        0,
        end - start,
        start,
      );
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/** A file that is in memory. */
export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (start, end) => Promise.resolve(new Uint8Array(bytes.subarray(start, end))),
  close: () => Promise.resolve(),
});
