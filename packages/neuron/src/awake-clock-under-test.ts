import { AwakeClock } from './awake-clock.ts';

/** An awake clock that ticks every 250 ms as long as its process runs. */
export function createAwakeClock() {
  let nowMs = 1000;
  let tick = (): void => undefined;
  const clock = new AwakeClock(
    (_everyMs, run) => {
      tick = run;
      return () => undefined;
    },
    () => nowMs,
  );
  return {
    clock,
    /** The process runs for `ms`; `onTick` is called after every tick. */
    run: (ms: number, onTick?: () => void) => {
      for (const endMs = nowMs + ms; nowMs < endMs;) {
        nowMs += 250;
        tick();
        onTick?.();
      }
    },
    /** The process is stopped for `ms`. */
    stop: (ms: number) => {
      nowMs += ms;
    },
  };
}
