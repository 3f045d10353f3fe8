export type StopStep =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'stopped'; readonly text: string; readonly matched: string };

/** Finds stop strings in a text that arrives in pieces. Holds back a possible start of one. */
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

  /** Returns the held text when generation ends without a match. */
  end(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** The match that ends first, as when reading character by character; the longest of those with the same end. */
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

/** Length of the longest suffix of `text` that is a proper prefix of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
