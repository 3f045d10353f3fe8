import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { isExactObject } from '../neutral/exact-json.ts';
import { refuseField } from '../neutral/refuse-field.ts';

/** An error for what no node can do. */
export const unsupported = (param: string, message: string): CortexError =>
  new CortexError('unsupported_parameter', message, { param });

/** @throws CortexError `invalid_request` */
export function objectAt(value: unknown, param: string): JsonObject {
  if (isExactObject(value)) return value;
  throw refuseField(param, value === undefined ? 'is missing' : 'must be an object');
}

/** @throws CortexError `invalid_request` */
export function textAt(value: unknown, param: string): string {
  if (typeof value === 'string' && value !== '') return value;
  const isMissing = value === undefined || value === null;
  throw refuseField(param, isMissing ? 'is missing' : 'must be a string that is not empty');
}

/** Undefined for a missing value, null and empty text. */
export const optionalText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
