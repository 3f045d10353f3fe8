const MAX_LINES = 500;
/** Longer lines are truncated, so that an engine that prints a whole prompt cannot fill the memory. */
const MAX_LINE_CHARS = 4096;
const MAX_MODELS = 100;

/** The last lines of engine output, by model. They are kept after the engine has ended, when they are needed most. */
export class ModelLogs {
  readonly #lines = new Map<string, string[]>();

  add(modelId: string, line: string): void {
    let lines = this.#lines.get(modelId);
    if (!lines) {
      lines = [];
      this.#lines.set(modelId, lines);
      const [oldest] = this.#lines.keys();
      if (this.#lines.size > MAX_MODELS && oldest !== undefined) this.#lines.delete(oldest);
    }
    lines.push(line.slice(0, MAX_LINE_CHARS));
    if (lines.length > MAX_LINES) lines.shift();
  }

  /** Oldest first; empty for a model without output. */
  tail(modelId: string): readonly string[] {
    return this.#lines.get(modelId) ?? [];
  }
}
