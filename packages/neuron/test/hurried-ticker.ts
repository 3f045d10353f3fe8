import { Ticker } from '@cortex/service';

/** Periodic work ten times as often, so that a test need not wait for it: the devices are read every half second. */
export const createHurriedTicker = (): Ticker =>
  new Ticker({
    nowMs: () => performance.now() * 10,
    setTimer: (ms, run) => {
      const timer = setTimeout(run, ms / 10);
      return () => clearTimeout(timer);
    },
  });
