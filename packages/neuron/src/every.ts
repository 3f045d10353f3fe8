/** Calls `run` about every `everyMs` until the returned function is called. */
export type Every = (everyMs: number, run: () => void) => () => void;
