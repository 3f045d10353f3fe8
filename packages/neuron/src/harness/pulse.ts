import type { AwakeClock } from '../awake-clock.ts';
import type { Every } from '../every.ts';

/** Silence before the first keep-alive of a stream: some clients time out after a second or two. */
const FIRST_SILENCE_MS = 1000;
/** Interval between keep-alives while the stream stays silent. */
const SILENCE_MS = 5000;
/** A client that reads nothing for this time is treated as disconnected, even if its socket is open. */
const STALL_MS = 60_000;

/** The timers of one open stream; driven by one ticker for all streams. */
export interface StreamPulse {
  /** Resolves with `'due'` when a keep-alive is due before `event` settles, else with the result of `event`. */
  race<T>(event: Promise<T>): Promise<T | 'due'>;
  /** A write to the socket has started. */
  offered(what: 'content' | 'keep-alive'): void;
  /** The write to the socket has finished. */
  taken(): void;
  close(): void;
}

interface Timers {
  dueAtMs: number;
  offeredAtMs: number | undefined;
  wake: (() => void) | undefined;
}

/**
 * Keep-alives and stall detection for all streams of a process (behaviours 4a and 6): no timer per stream or per chunk.
 */
export class PulseGroup {
  /** Excludes time in which this daemon did not run: neither a client nor a server was silent then. */
  readonly clock: Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;
  readonly #open = new Map<Timers, { isProgressing: () => boolean; onStall: () => void }>();
  readonly #stop: () => void;

  constructor(every: Every, clock: Pick<AwakeClock, 'nowMs' | 'elapsedMs'>) {
    this.clock = clock;
    this.#stop = every(250, () => this.#tick());
  }

  /**
   * @param isProgressing - Whether the engine has shown progress lately. A stream of a wedged engine must stay
   * silent, so that the client can time out.
   * @param onStall - Called when the client has read nothing for 60 s.
   */
  open(options: { isProgressing: () => boolean; onStall: () => void }): StreamPulse {
    const { clock } = this;
    const timers: Timers = {
      dueAtMs: clock.nowMs() + FIRST_SILENCE_MS,
      offeredAtMs: undefined,
      wake: undefined,
    };
    this.#open.set(timers, options);
    return {
      race: (event) => race(event, timers),
      offered(what) {
        const nowMs = clock.nowMs();
        timers.offeredAtMs = nowMs;
        timers.dueAtMs = nowMs + (what === 'content' ? FIRST_SILENCE_MS : SILENCE_MS);
      },
      taken() {
        timers.offeredAtMs = undefined;
      },
      close: () => this.#open.delete(timers),
    };
  }

  /** Checks every open stream once. */
  #tick(): void {
    const nowMs = this.clock.nowMs();
    for (const [timers, { isProgressing, onStall }] of this.#open) {
      if (timers.offeredAtMs !== undefined) {
        if (this.clock.elapsedMs(timers.offeredAtMs) > STALL_MS) {
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
