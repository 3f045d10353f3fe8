import { closeSync } from 'node:fs';

import { EXIT_CODES } from '../protocol/index.ts';
import type { ChannelReceiver } from './engine-channel.ts';
import type { LogLines } from './log-lines.ts';
import { LIFE_FD } from './parent-watchdog.ts';
import { SocketChannel } from './socket-channel.ts';

/**
 * How long a process may outlive its channel, or channel and log may outlive the process, before this side ends
 * them.
 */
const LINGER_MS = 1000;

/** Descriptors in the child, by number. */
const CHANNEL_FD = 3;
const LIFE_PIPE_FD = 4;

export interface EngineChildOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: LogLines;
}

/** An engine process with its channel: a message stream that ends once, with the reason of the process's death. */
export class EngineChild {
  readonly pid: number;
  readonly log: LogLines;
  readonly #process: Bun.Subprocess<'ignore', 'pipe', 'pipe'>;
  readonly #channelEnd = Promise.withResolvers<void>();
  #channel: SocketChannel | undefined;
  #cause: string | undefined;

  /** @throws when there is no such program, or it may not be run. */
  constructor({ command, env, log }: EngineChildOptions) {
    this.log = log;
    this.#process = Bun.spawn([...command], {
      // `socket-fd` gives a socket pair; this side has to close its end.
      stdio: ['ignore', 'pipe', 'pipe', 'socket-fd', 'socket-fd'],
      env: {
        ...env,
        NODE_CHANNEL_FD: String(CHANNEL_FD),
        NODE_CHANNEL_SERIALIZATION_MODE: 'json',
        [LIFE_FD]: String(LIFE_PIPE_FD),
      },
      // A process group of its own, so that a process in which it tries its library ends with it.
      detached: true,
    });
    this.pid = this.#process.pid;
  }

  /** Starts delivery. `onEnd` follows when the process has ended and all its messages are delivered. */
  open(receiver: ChannelReceiver): void {
    const logged = Promise.allSettled([
      this.log.read(this.#process.stdout),
      this.log.read(this.#process.stderr),
    ]);
    void this.#watch(receiver, logged);
    this.#channel = new SocketChannel(this.#descriptor(CHANNEL_FD), {
      onMessage: (message) => {
        // Messages of a process that was given up must not revive it.
        if (this.#cause === undefined) receiver.onMessage(message);
      },
      onBroken: (cause) => this.kill(cause),
      onEnd: (cause) => this.#onChannelEnd(cause),
    });
  }

  send(message: object): void {
    this.#channel?.send(message);
  }

  /** Ends the process and its children now. The first cause given is the one reported. */
  kill(cause?: string): void {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#cause ??= cause;
    process.kill(-this.pid, 'SIGKILL');
  }

  #descriptor(index: number): number {
    const fd = this.#process.stdio[index];
    if (typeof fd !== 'number') throw new Error(`The engine process has no descriptor ${index}.`);
    return fd;
  }

  #onChannelEnd(cause: string): void {
    this.#channelEnd.resolve();
    // A process closes its channel just before it ends. A process that continues without its channel is useless.
    const timer = setTimeout(() => this.kill(cause), LINGER_MS);
    void this.#process.exited.then(() => clearTimeout(timer));
  }

  async #watch(receiver: ChannelReceiver, logged: Promise<unknown>): Promise<void> {
    await this.#process.exited;
    // Its last messages may still be in transit, and one of its own children may hold the other ends open.
    await withinMs(LINGER_MS, Promise.all([this.#channelEnd.promise, logged]));
    this.#channel?.close();
    closeSync(this.#descriptor(LIFE_PIPE_FD));
    receiver.onEnd(this.#epitaph());
  }

  #epitaph(): string {
    const name = `engine process ${this.pid}`;
    if (this.#cause !== undefined) return `${name} was ended because ${this.#cause}`;
    const { exitCode, signalCode } = this.#process;
    if (signalCode !== null)
      return `${name} was killed by ${signalCode}${this.#lastWords(signalCode)}`;
    const hint =
      exitCode === EXIT_CODES.otherProtocol
        ? ' (it speaks another version of the engine protocol)'
        : '';
    return `${name} exited with code ${exitCode}${hint}`;
  }

  /** A library prints its reason before it aborts; the kernel says nothing to the process that it kills. */
  #lastWords(signal: NodeJS.Signals | number): string {
    if (signal === 'SIGKILL') return ', which the kernel sends when the machine runs out of memory';
    const line = this.log.tail.findLast(
      (said) => said.includes('GGML_ASSERT') || ABORTED.test(said),
    );
    return signal === 'SIGABRT' && line !== undefined ? ` (${line.trim()})` : '';
  }
}

const ABORTED = /abort|terminate called|what\(\):/i;

function withinMs(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void promise.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
