import { CortexError } from '@cortex/protocol';

/** No schema, no tool's arguments and no conversation is nested like that; what reads them calls itself for each level. */
export const MAX_LEVELS = 200;

/** True where lists and objects in `value` are nested in more than `levels`. Calls itself for none of them. */
export function isDeeperThan(levels: number, value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? Object.values(item) : [],
    );
  }
  return false;
}

/** @throws CortexError `invalid_request` naming the field of `body` that is nested too deeply. */
export function checkDepth(body: Readonly<Record<string, unknown>>): void {
  for (const [param, value] of Object.entries(body)) {
    if (!isDeeperThan(MAX_LEVELS, value)) continue;
    throw new CortexError(
      'invalid_request',
      `"${param}" is nested in more than ${MAX_LEVELS} levels.`,
      { param },
    );
  }
}
