/** Below this share of a load its speed is not known yet. */
const KNOWN_RATIO = 0.05;

/**
 * Whole seconds until a load ends; undefined if unknown.
 *
 * From its own progress, else from the duration of the last load of the model.
 */
export function etaS(load: {
  readonly elapsedMs: number;
  /** 0 to 1. */
  readonly ratio: number;
  readonly lastLoadMs: number | undefined;
}): number | undefined {
  const { elapsedMs, ratio, lastLoadMs } = load;
  if (ratio >= KNOWN_RATIO) return Math.ceil((elapsedMs * (1 - ratio)) / ratio / 1000);
  if (lastLoadMs === undefined) return undefined;
  return Math.max(1, Math.ceil((lastLoadMs - elapsedMs) / 1000));
}
