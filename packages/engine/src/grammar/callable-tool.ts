import { CortexError, isJsonObject } from '@cortex/protocol';

import type { CallableTool } from './answer-grammar.ts';

/** A function as the body of a request declares it. */
interface DeclaredFunction {
  readonly name: string;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

/** The arguments of a tool without parameters: exactly `{}`. */
const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false } as const;

/** Keywords with a list or a map whose entries can allow members of an object. */
const LISTS = [
  'properties',
  'required',
  'patternProperties',
  'dependentSchemas',
  'dependentRequired',
  'dependencies',
] as const;

/** Keywords with a list of schemas for the object itself. */
const COMBINED = ['allOf', 'anyOf', 'oneOf'] as const;

/** Keywords that can do so with any value except the neutral ones. */
const OTHERS = [
  'additionalProperties',
  'unevaluatedProperties',
  'minProperties',
  'if',
  'enum',
  'const',
  '$ref',
  '$dynamicRef',
] as const;

/**
 * The form of a tool that checking and enforcing its calls use.
 *
 * @throws CortexError `invalid_request` on `tools` if the arguments would not be an object.
 */
export function toCallable({ name, parameters = {} }: DeclaredFunction): CallableTool {
  if (!allowsObject(parameters)) {
    throw new CortexError(
      'invalid_request',
      `The parameters of the tool "${name}" must have the type "object".`,
      { param: 'tools' },
    );
  }
  if (!hasParameters(parameters)) return { name, parameters: NO_PARAMETERS };
  return { name, parameters: { ...parameters, type: 'object' } };
}

/** Whether the tool has no parameters. */
export const hasNoParameters = ({ parameters }: CallableTool): boolean =>
  parameters === NO_PARAMETERS;

/** OpenAI: omitting `parameters` defines a function with an empty parameter list. */
const hasParameters = (schema: Readonly<Record<string, unknown>>): boolean =>
  LISTS.some((keyword) => Object.keys(schema[keyword] ?? {}).length > 0) ||
  OTHERS.some((keyword) => ![undefined, null, false, 0].some((no) => schema[keyword] === no)) ||
  COMBINED.some((keyword) => partsWithMembers(schema[keyword]));

/** Parts that exclude objects do not count, because the arguments are an object. */
function partsWithMembers(list: unknown): boolean {
  if (!Array.isArray(list) || list.length === 0) return false;
  const objects = list.filter((part) => !isJsonObject(part) || allowsObject(part));
  return objects.length === 0 || objects.some((part) => !isJsonObject(part) || hasParameters(part));
}

const allowsObject = (schema: Readonly<Record<string, unknown>>): boolean =>
  [schema['type'] ?? 'object'].flat().includes('object');
