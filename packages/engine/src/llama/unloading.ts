import { CortexError } from '@cortex/protocol';

/** The error for new and remaining requests when a model is closed. */
export const unloading = (): CortexError =>
  new CortexError('shutting_down', 'The model is being unloaded.');
