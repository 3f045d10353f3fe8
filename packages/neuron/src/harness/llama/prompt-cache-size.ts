/** The share of the free RAM that one prompt cache may take, so that several models and the host keep room. */
const MAX_SHARE = 1 / 4;

/**
 * MiB of the prompt cache of a load: `engine.prompt_cache_mb`, at most a quarter of the RAM that is free at the
 * load.
 */
export const promptCacheMib = (wantedMib: number, freeRamMib: number): number =>
  Math.min(wantedMib, Math.floor(freeRamMib * MAX_SHARE));
