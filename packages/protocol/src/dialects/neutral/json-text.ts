import { CortexError } from '../../errors.ts';

/**
 * JSON text of a value from a client.
 *
 * @throws CortexError `invalid_request` for one that is nested so deeply that it cannot be written
 */
export function jsonText(value: object): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new CortexError('invalid_request', 'The body is nested too deeply.', { cause });
  }
}
