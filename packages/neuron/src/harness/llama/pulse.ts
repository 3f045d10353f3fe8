import type { Every } from '../../every.ts';

/** Silence after which a stream's first keep-alive is sent: some clients give up after a second or two. */
const FIRST_SILENCE_MS = 1000;
/** Pause between keep-alives of a stream that stays silent. */
const SILENCE_MS = 5000;
/** A client that takes nothing for so long is gone, whatever its socket says. */
const STALL_MS = 60_000;

/** The timers of one open stream; driven by one ticker for all streams. */
export interface StreamPulse {
  /** Resolves with `'due'` when a keep-alive is due before `event` settles, else with what `event` gave. */
  race<T>(event: Promise<T>): Promise<T | 'due'>;
  /** Something is being handed to the socket. */
  offered(what: 'content' | 'keep-alive'): void;
  /** The socket took it. */
  taken(): void;
  close(): void;
}

interface Timers {
  dueAtMs: number;
  offeredAtMs: number | undefined;
  wake: (() => void) | undefined;
}

/**
 * Keep-alives and stall detection for all streams of a process (behaviours 4a and 6): no timer a stream, none a
 * chunk.
 */
export class PulseGroup {
  readonly #open = new Map<Timers, { isProgressing: () => boolean; onStall: () => void }>();
  readonly #stop: () => void;

  constructor(every: Every) {
    this.#stop = every(250, () => this.tick(performance.now()));
  }

  /**
   * @param isProgressing - Whether the engine gave a sign of life lately: a wedged one must leave the stream silent,
   *   so that whoever reads it notices.
   * @param onStall - Called when the client took nothing for 60 s.
   */
  open(options: { isProgressing: () => boolean; onStall: () => void }): StreamPulse {
    const timers: Timers = {
      dueAtMs: performance.now() + FIRST_SILENCE_MS,
      offeredAtMs: undefined,
      wake: undefined,
    };
    this.#open.set(timers, options);
    return {
      race: (event) => race(event, timers),
      offered(what) {
        const nowMs = performance.now();
        timers.offeredAtMs = nowMs;
        timers.dueAtMs = nowMs + (what === 'content' ? FIRST_SILENCE_MS : SILENCE_MS);
      },
      taken() {
        timers.offeredAtMs = undefined;
      },
      close: () => this.#open.delete(timers),
    };
  }

  get openStreams(): number {
    return this.#open.size;
  }

  /** Looks at every open stream once. */
  tick(nowMs: number): void {
    for (const [timers, { isProgressing, onStall }] of this.#open) {
      if (timers.offeredAtMs !== undefined) {
        if (nowMs - timers.offeredAtMs > STALL_MS) {
          this.#open.delete(timers);
          onStall();
        }
      } else if (timers.wake && nowMs >= timers.dueAtMs && isProgressing()) {
        timers.wake();
      }
    }
  }

  close(): void {
    this.#stop();
  }
}

function race<T>(event: Promise<T>, timers: Timers): Promise<T | 'due'> {
  return new Promise((resolve, reject) => {
    timers.wake = () => {
      timers.wake = undefined;
      resolve('due');
    };
    const settle = (value: T): void => {
      timers.wake = undefined;
      resolve(value);
    };
    event.then(settle, reject);
  });
}
