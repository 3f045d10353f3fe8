import { CortexError } from '../../errors.ts';

/** The error for a field of the body. `problem` completes a sentence that begins with its path. */
export const refuseField = (param: string, problem: string): CortexError =>
  new CortexError('invalid_request', `"${param}" ${problem}.`, { param });
