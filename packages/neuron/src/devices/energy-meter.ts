/** A gap without readings; the power within a longer one is unknown and not counted. */
const MAX_GAP_MS = 60_000;

interface Sample {
  readonly powerW: number;
  readonly atMs: number;
}

/** Integrates the power of devices that do not count their energy themselves. */
export class EnergyMeter {
  readonly #joules = new Map<string, number>();
  readonly #last = new Map<string, Sample>();

  /**
   * Adds a sample of the device `key`; a sample of the same time again adds nothing.
   *
   * @returns joules since the first sample; undefined without a sample
   */
  add(key: string, powerW: number | undefined, atMs: number): number | undefined {
    const last = this.#last.get(key);
    if (powerW === undefined) {
      this.#last.delete(key);
      return this.#joules.get(key);
    }
    const gapMs = last === undefined ? 0 : atMs - last.atMs;
    const meanW = last === undefined ? powerW : (last.powerW + powerW) / 2;
    const addedJ = gapMs > 0 && gapMs <= MAX_GAP_MS ? (meanW * gapMs) / 1000 : 0;
    this.#last.set(key, { powerW, atMs });
    const joules = (this.#joules.get(key) ?? 0) + addedJ;
    this.#joules.set(key, joules);
    return joules;
  }
}
