import { open } from 'node:fs/promises';

/** Source of a file: a disk, memory, or a server that supports range requests. */
export interface ByteSource {
  /** Size of the file in bytes. */
  readonly size: number;
  /** The bytes from `start` to before `end`, or fewer at the end of the file. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** @throws the error of the file system if the file cannot be opened */
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

/** A file in memory. */
export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (start, end) => Promise.resolve(new Uint8Array(bytes.subarray(start, end))),
  close: () => Promise.resolve(),
});
