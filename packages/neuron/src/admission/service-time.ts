/** Used until the first request has been measured. */
const ASSUMED_SERVICE_MS = 5000;
/** Weight of the newest request in the moving average. */
const NEWEST = 0.2;

/** Moving average of the time that requests of a model occupy a slot. */
export class ServiceTime {
  #meanMs: number | undefined;

  observe(busyMs: number): void {
    this.#meanMs =
      this.#meanMs === undefined ? busyMs : this.#meanMs + NEWEST * (busyMs - this.#meanMs);
  }

  /** Whole seconds until `weight` places are free, when `slots` requests are served in parallel. */
  secondsUntilFree(weight: number, slots: number): number {
    const oneMs = (this.#meanMs ?? ASSUMED_SERVICE_MS) / Math.max(1, slots);
    return Math.max(1, Math.ceil((oneMs * weight) / 1000));
  }
}
