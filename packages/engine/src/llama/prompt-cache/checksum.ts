import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** The CRC-32 of a file. @throws when it cannot be read */
export async function checksumOf(path: string): Promise<number> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let checksum = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES);
      if (bytesRead === 0) return checksum;
      checksum = crc32(buffer.subarray(0, bytesRead), checksum);
    }
  } finally {
    await file.close();
  }
}
