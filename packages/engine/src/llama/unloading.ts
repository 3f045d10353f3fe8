import { CortexError } from '@cortex/protocol';

/** Why nothing begins any more, and what is left ends, from when a model is closed. */
export const unloading = (): CortexError =>
  new CortexError('shutting_down', 'The model is being unloaded.');
