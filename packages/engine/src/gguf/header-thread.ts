/** The thread of `readGgufInThread`: parses one header, whose bytes the thread of the caller reads. */
import { parentPort, workerData } from 'node:worker_threads';

import { type GgufMetadata, type GgufReading, readGguf } from './read-gguf.ts';

/** What the thread gets when it starts. */
export interface HeaderTask {
  /** Size of the file in bytes. */
  readonly size: number;
  /** Longer lists are left out of the result. */
  readonly maxListItems: number;
}

/** What the thread sends: requests for bytes, which are answered in their order, and at last the result. */
export type HeaderMessage =
  | { readonly kind: 'read'; readonly start: number; readonly end: number }
  | { readonly kind: 'done'; readonly reading: GgufReading };

function withoutLongLists(reading: GgufReading, maxListItems: number): GgufReading {
  if (reading.kind === 'broken') return reading;
  const isShort = ({ value }: GgufMetadata): boolean =>
    !Array.isArray(value) || value.length <= maxListItems;
  const metadata = new Map([...reading.header.metadata].filter(([, entry]) => isShort(entry)));
  return { kind: 'whole', header: { ...reading.header, metadata } };
}

async function answer(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('This file runs only as a thread.');
  const { size, maxListItems }: HeaderTask = workerData;
  const waiting: ((bytes: Uint8Array<ArrayBuffer>) => void)[] = [];
  port.on('message', (bytes: Uint8Array<ArrayBuffer>) => waiting.shift()?.(bytes));
  const send = (message: HeaderMessage): void => port.postMessage(message);
  const reading = await readGguf({
    size,
    read: (start, end) => {
      send({ kind: 'read', start, end });
      return new Promise((resolve) => waiting.push(resolve));
    },
    close: () => Promise.resolve(),
  });
  send({ kind: 'done', reading: withoutLongLists(reading, maxListItems) });
}

await answer();
