import { type Clock } from './clock.ts';
import { Ticker } from './ticker.ts';

const nowMs = (): number => performance.now();

/** The ticker of this process. */
export const ticker = new Ticker({
  nowMs,
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
});

/** The monotonic time of this machine. */
export const systemClock: Clock = {
  nowMs,
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every: (everyMs, run) => ticker.every(everyMs, run),
};
