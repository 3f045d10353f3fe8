import { CortexError } from '@cortex/protocol';

import type { EngineEvent } from '../../engine.ts';

/** What went wrong within a step, as an error of the product. */
export const toStepError = (error: unknown): CortexError =>
  error instanceof CortexError
    ? error
    : new CortexError(
        'internal_error',
        `The engine could not decode: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );

export const toErrorEvent = (error: CortexError): Extract<EngineEvent, { type: 'error' }> => ({
  type: 'error',
  code: error.code,
  message: error.message,
  ...(error.details.param !== undefined && { param: error.details.param }),
});
