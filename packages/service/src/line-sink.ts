import { constants, fstatSync, openSync, writeSync } from 'node:fs';

import { backoff } from './process/backoff.ts';

/** Where finished log lines go; each text ends with a line feed. */
export interface LogDestination {
  write(text: string): void;
}

/** Bytes that may wait for a reader that is behind, beside what the pipe itself holds. */
const MAX_WAITING_BYTES = 256 << 10;
/** Pause before a full pipe is tried again: short while its reader takes data, twice as long each time while it does not. */
const RETRY_PAUSE = { firstMs: 2, maxMs: 100 };
/** How long the last lines may hold up the end of the process. */
const LAST_LINES_MS = 200;
const PAUSE_MS = 5;
const LINE_FEED = 0x0a;

/**
 * A descriptor for the same pipe, terminal or socket as `fd` on which writes never wait.
 *
 * Pipes and terminals are opened anew, because the non-blocking flag belongs to the open file, which this process may
 * share with others. A socket cannot be opened by its path; Bun's writer sets the flag when it is made. A file never
 * waits for a reader, and opened anew it would lose the position that it shares.
 */
function openWithoutWaiting(fd: number): number {
  try {
    if (fstatSync(fd).isFile()) return fd;
    return openSync(
      `/proc/self/fd/${fd}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch {
    void Bun.file(fd).writer();
    return fd;
  }
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LINE_FEED) lines += 1;
  return lines;
}

interface Chunk {
  bytes: Buffer;
  /** The dropped lines that this chunk reports; absent: it is lines itself. */
  readonly reports?: number;
}

/**
 * Writes lines to a descriptor and never waits for its reader (behaviour 53).
 *
 * What a full pipe does not take waits in memory, up to 256 KiB. Lines beyond that, and lines that cannot be written at
 * all (reader gone, disk full), are dropped and counted; the count is written in their place.
 */
export class LineSink implements LogDestination {
  readonly #fd: number;
  readonly #describeLoss: (lines: number) => string;
  #openFd: number | undefined;
  #waiting: Chunk[] = [];
  #waitingBytes = 0;
  #lostLines = 0;
  /** The last byte that was written does not end a line. */
  #isMidLine = false;
  readonly #pause = backoff(RETRY_PAUSE);
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isExitHandled = false;

  /** @param describeLoss - The line, with its line feed, that says how many lines were dropped. */
  constructor(fd: number, describeLoss: (lines: number) => string) {
    this.#fd = fd;
    this.#describeLoss = describeLoss;
  }

  /** Takes whole lines; each ends with a line feed. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#lostLines += countLines(bytes);
      return;
    }
    this.#reportLoss();
    this.#push({ bytes });
    if (this.#retry === undefined) this.#flush();
  }

  #push(chunk: Chunk): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.bytes.length;
  }

  #reportLoss(): void {
    const lines = this.#lostLines;
    if (lines === 0) return;
    this.#lostLines = 0;
    const isCut = this.#isMidLine && this.#waitingBytes === 0;
    const text = `${isCut ? '\n' : ''}${this.#describeLoss(lines)}`;
    this.#push({ bytes: Buffer.from(text), reports: lines });
  }

  /** Writes what is waiting until its reader is behind. */
  #flush(): void {
    this.#openFd ??= openWithoutWaiting(this.#fd);
    try {
      for (let chunk = this.#waiting[0]; chunk !== undefined; chunk = this.#waiting[0]) {
        this.#writeSome(this.#openFd, chunk);
        if (chunk.bytes.length === 0) this.#waiting.shift();
        if (this.#waitingBytes === 0) this.#reportLoss();
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') this.#retryLater();
      else this.#drop();
    }
  }

  #writeSome(fd: number, chunk: Chunk): void {
    const written = writeSync(fd, chunk.bytes);
    this.#isMidLine = chunk.bytes[written - 1] !== LINE_FEED;
    chunk.bytes = chunk.bytes.subarray(written);
    this.#waitingBytes -= written;
    this.#pause.reset();
  }

  #drop(): void {
    for (const { bytes, reports } of this.#waiting) this.#lostLines += reports ?? countLines(bytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#flush();
    }, this.#pause.next()).unref();
    if (this.#isExitHandled) return;
    this.#isExitHandled = true;
    process.once('exit', () => this.#finish());
  }

  /** The process ends: a reader that is only slow gets the last lines. */
  #finish(): void {
    const endMs = performance.now() + LAST_LINES_MS;
    const never = new Int32Array(new SharedArrayBuffer(4));
    while (this.#waitingBytes > 0 && performance.now() < endMs) {
      Atomics.wait(never, 0, 0, PAUSE_MS);
      this.#flush();
    }
  }
}
