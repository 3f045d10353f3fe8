import { CortexError } from '@cortex/protocol';

/** No real schema, tool call or conversation is nested this deeply, and their readers recurse per level. */
export const MAX_LEVELS = 200;

/** Whether lists and objects in `value` are nested more than `levels` deep. Does not recurse. */
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
