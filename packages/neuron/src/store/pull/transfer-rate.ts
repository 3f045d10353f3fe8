/** Time over which the rate is an average. */
const WINDOW_MS = 10_000;
const SAMPLE_MS = 500;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** The average rate of a transfer over the last 10 s. */
export class TransferRate {
  #samples: Sample[] = [];

  /** @param bytes - All bytes so far. Fewer than before: the transfer began again. */
  note(bytes: number, atMs: number): void {
    const last = this.#samples.at(-1);
    if (last && bytes < last.bytes) this.#samples = [];
    else if (last && atMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && atMs - (this.#samples[1]?.atMs ?? atMs) >= WINDOW_MS) {
      this.#samples.shift();
    }
  }

  /** Undefined until there are two samples, and while nothing arrives. */
  bytesPerS(bytes: number, nowMs: number): number | undefined {
    const [first] = this.#samples;
    if (!first || nowMs - first.atMs < SAMPLE_MS || bytes <= first.bytes) return undefined;
    return ((bytes - first.bytes) / (nowMs - first.atMs)) * 1000;
  }
}
