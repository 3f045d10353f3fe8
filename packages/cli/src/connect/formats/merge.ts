import { isDeepStrictEqual } from 'node:util';

import { isObject, type JsonObject } from '../json-value.ts';
import { UneditableFile } from './format.ts';

type Path = readonly (string | number)[];

/** A value that a file lacks, and the place where it belongs. */
export interface Change {
  readonly path: Path;
  readonly value: unknown;
}

/** What an error message says of a place in a file: `models[2].name`. */
const toText = (path: Path): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');

const isNamedList = (list: unknown, listKey: string): list is readonly unknown[] =>
  Array.isArray(list) && list.every((entry) => isObject(entry) && Object.hasOwn(entry, listKey));

/** The entries of a list that identify themselves by `listKey`, changed or added. */
function* listChanges(
  present: readonly unknown[],
  wanted: readonly unknown[],
  { listKey, path }: { readonly listKey: string; readonly path: Path },
): Generator<Change> {
  let { length } = present;
  for (const entry of wanted) {
    const name = isObject(entry) ? entry[listKey] : undefined;
    const index = present.findIndex((other) => isObject(other) && other[listKey] === name);
    if (index === -1) yield { path: [...path, length++], value: entry };
    else yield* changesTo(present[index], entry, { listKey, path: [...path, index] });
  }
}

/**
 * What must change in `present` so that it holds everything in `wanted`. Objects are merged; other values replace those
 * that are there, and so do lists without a `listKey`.
 *
 * @throws UneditableFile if a value that is not an object is where `wanted` has an object
 */
export function* changesTo(
  present: unknown,
  wanted: unknown,
  { listKey, path = [] }: { readonly listKey?: string | undefined; readonly path?: Path } = {},
): Generator<Change> {
  if (present === undefined) yield { path, value: wanted };
  else if (isObject(wanted)) {
    if (!isObject(present))
      throw new UneditableFile(
        path.length === 0
          ? 'it does not hold an object'
          : `${toText(path)} is not an object: correct or remove it`,
      );
    for (const [key, value] of Object.entries(wanted)) {
      const own = Object.hasOwn(present, key) ? present[key] : undefined;
      yield* changesTo(own, value, { listKey, path: [...path, key] });
    }
  } else if (listKey !== undefined && isNamedList(wanted, listKey) && Array.isArray(present))
    yield* listChanges(present, wanted, { listKey, path });
  else if (!isDeepStrictEqual(present, wanted)) yield { path, value: wanted };
}

/** `present` with the settings of `wanted`. @throws UneditableFile as `changesTo` does */
export function merged(
  present: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = { ...present };
  for (const [key, value] of Object.entries(wanted)) {
    const own = Object.hasOwn(present, key) ? present[key] : undefined;
    result[key] = isObject(value) && isObject(own) ? merged(own, value) : value;
  }
  return result;
}

/** `settings` and those of `defaults` that `present` lacks. */
export const withDefaults = (
  present: unknown,
  settings: JsonObject,
  defaults: JsonObject = {},
): JsonObject => {
  const lacking = Object.entries(defaults).filter(
    ([key]) => !isObject(present) || !Object.hasOwn(present, key),
  );
  return { ...Object.fromEntries(lacking), ...settings };
};

/** Checks an edited file, in which a key that is there twice may hide the setting. */
export function assertHolds(edited: unknown, settings: unknown, listKey?: string): void {
  const [missing] = changesTo(edited, settings, { listKey });
  if (missing !== undefined)
    throw new UneditableFile(`${toText(missing.path)} is there more than once: remove one`);
}
