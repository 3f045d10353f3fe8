import { CortexError } from '@cortex/protocol';

import type { EngineEvent } from '../../engine.ts';
import type { Token } from '../native-types.ts';
import type { Sampling } from '../request/sampling.ts';

/** What went wrong within a step, as an error of the product. */
export const toStepError = (error: unknown): CortexError =>
  error instanceof CortexError
    ? error
    : new CortexError(
        'internal_error',
        `The engine could not decode: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );

/** What the library says when it sampled a token that the grammar does not allow: none that it allows was left. */
const GRAMMAR_IS_STUCK = 'empty grammar stack';

/** No token of the vocabulary is possible. */
class NoTokenError extends Error {
  override readonly name = 'NoTokenError';
}

/** @throws when `token` stands for none: it is below 0, or one that is banned, which is sampled only where all others are banned, too. */
export function checkSampled(token: Token, { bias }: Pick<Sampling, 'bias'>): void {
  if (token < 0 || bias.get(token) === -Infinity)
    throw new NoTokenError('no token of the vocabulary is possible here');
}

/** What went wrong while a token was sampled. Where the request bans tokens it may have banned all that were possible. */
export function toSampleError(error: unknown, { bias }: Pick<Sampling, 'bias'>): CortexError {
  const isWithoutToken =
    error instanceof NoTokenError ||
    (error instanceof Error && error.message.includes(GRAMMAR_IS_STUCK));
  if (!isWithoutToken || !bias.values().some((value) => value === -Infinity))
    return toStepError(error);
  return new CortexError(
    'invalid_request',
    '"logit_bias" bans every token that may come next in the answer.',
    { param: 'logit_bias', cause: error },
  );
}

export const toErrorEvent = (error: CortexError): Extract<EngineEvent, { type: 'error' }> => ({
  type: 'error',
  code: error.code,
  message: error.message,
  param: error.details.param,
});
