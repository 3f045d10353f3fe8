import { CortexError } from './errors.ts';

/** Longest model name of a request, in characters. Names are stored, logged, counted and compared. */
export const MAX_MODEL_CHARS = 512;

/**
 * The name in the field `model` of a request; undefined when the request names no model (absent, null or empty).
 *
 * @throws CortexError `invalid_request` for another value, and for a name of more than `MAX_MODEL_CHARS`
 */
export function readModelField(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string')
    throw new CortexError('invalid_request', '"model" must be a string.', { param: 'model' });
  if (value.length <= MAX_MODEL_CHARS) return value;
  throw new CortexError(
    'invalid_request',
    `"model" must not be longer than ${MAX_MODEL_CHARS} characters.`,
    { param: 'model' },
  );
}
