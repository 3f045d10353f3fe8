/** A value for a field of the tables that asks for something, and a request with it. */
import type { JsonObject } from '../../json/json-object.ts';

export interface Sample {
  readonly value: unknown;
  /** Members of the request beside the field, where it means nothing without them. */
  readonly beside: JsonObject;
  /** A value that asks for nothing, of a field that has such values. */
  readonly neutral: unknown;
  /** The members of the request for a value of the field; absent: the value is put at the path of the field. */
  readonly put?: ((value: unknown) => JsonObject) | undefined;
  /** By which a tool that is left out is named. */
  readonly tool?: string | undefined;
}

export type Samples = Readonly<Record<string, Sample>>;

export interface RouteSamples {
  readonly body: JsonObject;
  readonly fields: Samples;
}

export const sample = (value: unknown, beside: JsonObject = {}): Sample => ({
  value,
  beside,
  neutral: undefined,
});

/** Of a field that is refused or left out unless its value is `neutral`. */
export const unless = (value: unknown, neutral: unknown): Sample => ({
  value,
  beside: {},
  neutral,
});

/** Has a `type`. */
type Element = JsonObject & { readonly type: string };

/** Members of the request that have the elements of a list. */
export type Put = (elements: readonly JsonObject[]) => JsonObject;

/** `object` with a member, which may be one of an object in it: `source.type`. */
function withMember(object: JsonObject, path: string, value: unknown): JsonObject {
  const [key = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...object, [key]: value };
  const inner = object[key];
  const members = typeof inner === 'object' && inner !== null ? { ...inner } : {};
  return { ...object, [key]: withMember(members, rest.join('.'), value) };
}

/**
 * Samples of an element of `list` and of its members. `beside` of a member is what the element has beside it.
 *
 * @param name - the type without the date of its version
 */
export function elementSamples(
  [list, name]: readonly [list: string, name: string],
  { put, ...element }: { readonly put: Put } & Element,
  members: Samples = {},
): Samples {
  const field = `${list}[${name}]`;
  const whole = (value: unknown): JsonObject =>
    put(value === undefined || value === null ? [] : [element]);
  const ofMember = (member: string, { beside }: Sample) => {
    const plain = { ...element, ...beside };
    return (value: unknown): JsonObject =>
      put([value === undefined ? plain : withMember(plain, member, value)]);
  };
  return {
    [field]: { ...sample(element), put: whole, tool: TOOL },
    ...Object.fromEntries(
      Object.entries(members).map(([member, one]) => [
        `${field}.${member}`,
        { ...one, beside: {}, put: ofMember(member, one) },
      ]),
    ),
  };
}

/** The name of tools in samples. */
export const TOOL = 'files';

export const joined = (samples: readonly Samples[]): Samples =>
  Object.fromEntries(samples.flatMap((some) => Object.entries(some)));
