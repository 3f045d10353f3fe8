const MAX_LINES = 500;
/** A line that is longer is cut: an engine that prints a whole prompt must not fill the memory. */
const MAX_LINE_CHARS = 4096;
const MAX_MODELS = 100;

/** The last lines that engines wrote, by model; they outlive the engine, since that is when they are wanted. */
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

  /** Oldest first; empty for a model that never wrote any. */
  tail(modelId: string): readonly string[] {
    return this.#lines.get(modelId) ?? [];
  }
}
