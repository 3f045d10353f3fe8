import { CortexError } from '@cortex/protocol';

import type { EngineEvent } from '../../engine/generate.ts';
import type { Token } from '../native-types.ts';
import type { Sampling } from '../request/sampling.ts';

/** An exception in a step as an error event. */
export const toStepError = (error: unknown): CortexError =>
  error instanceof CortexError
    ? error
    : new CortexError(
        'internal_error',
        `The engine could not decode: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );

/** The library's message when a sampled token is not allowed by the grammar, because no allowed token was left. */
const GRAMMAR_IS_STUCK = 'empty grammar stack';

/** No token of the vocabulary is possible. */
class NoTokenError extends Error {
  override readonly name = 'NoTokenError';
}

/** @throws if `token` is below 0 or banned: a banned token is sampled only if all others are banned too. */
export function checkSampled(token: Token, { bias }: Pick<Sampling, 'bias'>): void {
  if (token < 0 || bias.get(token) === -Infinity)
    throw new NoTokenError('no token of the vocabulary is possible here');
}

/** The error of a failed sample. If the request bans tokens, it may have banned every possible one. */
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
