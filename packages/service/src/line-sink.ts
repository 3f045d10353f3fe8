import { constants, fstatSync, openSync, writeSync } from 'node:fs';

import { backoff } from './process/backoff.ts';

/** A destination of log lines; each text ends with a line feed. */
export interface LogDestination {
  write(text: string): void;
}

/** Bytes that may wait for a slow reader, in addition to the buffer of the pipe. */
const MAX_WAITING_BYTES = 256 << 10;
/** Pause before the next write to a full pipe; it doubles while the reader takes no data. */
const RETRY_PAUSE = { firstMs: 2, maxMs: 100 };
/** How long the last lines may delay the end of the process. */
const LAST_LINES_MS = 200;
const PAUSE_MS = 5;
const LINE_FEED = 0x0a;

/**
 * A non-blocking descriptor for the same pipe, terminal or socket as `fd`.
 *
 * Pipes and terminals are opened again, because the non-blocking flag belongs to the open file description, which
 * other processes may share. A socket cannot be opened by path; Bun's writer sets the flag when it is created. A
 * file never blocks, and opened again it would lose its shared position.
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
  /** Number of dropped lines that this chunk reports; absent for a chunk of lines. */
  readonly reports?: number;
}

/**
 * Writes lines to a descriptor without blocking on its reader (behaviour 53).
 *
 * Lines that a full pipe does not accept wait in memory, up to 256 KiB. Further lines, and lines that cannot be
 * written (pipe closed, disk full), are dropped and counted; the count is written in their place.
 */
export class LineSink implements LogDestination {
  readonly #fd: number;
  readonly #describeLoss: (lines: number) => string;
  #openFd: number | undefined;
  #waiting: Chunk[] = [];
  #waitingBytes = 0;
  #lostLines = 0;
  /** True if the last byte written does not end a line. */
  #isMidLine = false;
  readonly #pause = backoff(RETRY_PAUSE);
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isExitHandled = false;

  /** @param describeLoss - Returns the line, with its line feed, that reports how many lines were dropped. */
  constructor(fd: number, describeLoss: (lines: number) => string) {
    this.#fd = fd;
    this.#describeLoss = describeLoss;
  }

  /** Writes whole lines; each ends with a line feed. */
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

  /** Writes waiting chunks until the pipe is full. */
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

  /** Called when the process exits: gives a slow reader time for the last lines. */
  #finish(): void {
    const endMs = performance.now() + LAST_LINES_MS;
    const never = new Int32Array(new SharedArrayBuffer(4));
    while (this.#waitingBytes > 0 && performance.now() < endMs) {
      Atomics.wait(never, 0, 0, PAUSE_MS);
      this.#flush();
    }
  }
}
