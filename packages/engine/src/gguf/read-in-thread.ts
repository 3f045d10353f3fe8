import { Worker } from 'node:worker_threads';

import { type ByteSource, openFile } from './byte-source.ts';
import type { HeaderMessage, HeaderTask } from './header-thread.ts';
import type { GgufReading } from './read-gguf.ts';

/** Lists per layer are shorter than this, vocabularies are longer. */
const MAX_LIST_ITEMS = 4096;

/**
 * Like `readGguf`, in a thread of its own and without lists of more than 4,096 items. Parsing a vocabulary of 152,000
 * tokens takes 0.2 s, which delays every stream of a daemon.
 *
 * @throws the error of `source` if the file cannot be read
 */
export async function readGgufInThread(source: ByteSource): Promise<GgufReading> {
  const task: HeaderTask = { size: source.size, maxListItems: MAX_LIST_ITEMS };
  const thread = new Worker(new URL('./header-thread.ts', import.meta.url), { workerData: task });
  try {
    return await new Promise<GgufReading>((resolve, reject) => {
      thread.on('error', reject);
      thread.on('exit', (code) =>
        reject(new Error(`The thread that reads a GGUF header ended with code ${code}.`)),
      );
      // Copied, because the source may keep them.
      const send = (bytes: Uint8Array<ArrayBuffer>): void => thread.postMessage(bytes);
      thread.on('message', (message: HeaderMessage) => {
        if (message.kind === 'done') resolve(message.reading);
        else void source.read(message.start, message.end).then(send, reject);
      });
    });
  } finally {
    await thread.terminate();
  }
}

/** `readGgufInThread` of a file on disk. @throws the error of the file system if it cannot be read */
export async function readGgufFileInThread(path: string): Promise<GgufReading> {
  const source = await openFile(path);
  try {
    return await readGgufInThread(source);
  } finally {
    await source.close();
  }
}
