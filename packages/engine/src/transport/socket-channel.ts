import { connect, type Socket } from 'node:net';

import { LineSplitter } from '../protocol/index.ts';
import type { ChannelReceiver } from './engine-channel.ts';

export interface SocketReceiver extends ChannelReceiver {
  /** The other side violated the framing. No message follows; `onEnd` comes when the socket has closed. */
  onBroken(cause: string): void;
}

/**
 * Owner's side of the channel: newline-delimited JSON on a descriptor.
 *
 * Not the runtime's own IPC, although the bytes are the same: that one disconnects silently at the first line that
 * is not JSON, and does not limit the length of a line.
 */
export class SocketChannel {
  readonly #receiver: SocketReceiver;
  readonly #splitter = new LineSplitter();
  readonly #socket: Socket;
  /** Lines of this turn of the event loop, written together. */
  #lines: string[] = [];
  #isScheduled = false;
  #isBroken = false;

  /** @param fd - A connected socket; closed with the channel. */
  constructor(fd: number, receiver: SocketReceiver) {
    this.#receiver = receiver;
    let cause = 'it closed its channel';
    // The types require a path or a port; the runtime uses the descriptor first.
    this.#socket = connect({ fd, path: '' })
      .on('data', (chunk: Uint8Array) => this.#read(chunk))
      .on('error', (error) => (cause = `its channel failed: ${error.message}`))
      .on('close', () => receiver.onEnd(cause));
  }

  send(message: object): void {
    this.#lines.push(JSON.stringify(message), '\n');
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      const text = this.#lines.join('');
      this.#lines = [];
      if (this.#socket.writable) this.#socket.write(text);
    });
  }

  /** Ends the channel and drops unsent messages. */
  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Uint8Array): void {
    if (this.#isBroken) return;
    try {
      for (const line of this.#splitter.push(chunk)) this.#receiver.onMessage(parseLine(line));
    } catch (error) {
      this.#isBroken = true;
      this.#receiver.onBroken(error instanceof Error ? error.message : String(error));
    }
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    const start = JSON.stringify(line.slice(0, 80));
    throw new Error(`it sent a line that is not JSON: ${start}`, { cause });
  }
}
