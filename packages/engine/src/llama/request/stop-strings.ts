export type StopStep =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'stopped'; readonly text: string; readonly matched: string };

/** Looks for stop strings in a text that comes in pieces; holds back what may be the start of one. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  push(text: string): StopStep {
    if (this.#stops.length === 0) return { kind: 'text', text };
    const all = this.#held + text;
    const match = this.#firstMatch(all);
    if (match !== undefined) {
      this.#held = '';
      return { kind: 'stopped', text: all.slice(0, match.at), matched: match.stop };
    }
    const keep = Math.max(...this.#stops.map((stop) => overlap(all, stop)));
    this.#held = keep === 0 ? '' : all.slice(-keep);
    return { kind: 'text', text: keep === 0 ? all : all.slice(0, -keep) };
  }

  /** What was held back when generation ends without a match. */
  end(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** The match that ends first, as it would be found reading character by character; of equal ends the longest. */
  #firstMatch(text: string): { at: number; stop: string } | undefined {
    let best: { at: number; end: number; stop: string } | undefined;
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at < 0) continue;
      const end = at + stop.length;
      if (best === undefined || end < best.end || (end === best.end && at < best.at))
        best = { at, end, stop };
    }
    return best;
  }
}

/** Length of the longest end of `text` that is a proper start of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
