import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { systemReason } from '@cortex/service';

import { CliError } from '../cli-error.ts';
import { type JsonObject } from './client-settings.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `added` laid over `present`: objects are merged, other values are replaced. */
function merged(present: unknown, added: unknown): unknown {
  if (!isObject(present) || !isObject(added)) return added;
  const members = Object.entries(added).map(([key, value]) => [
    key,
    Object.hasOwn(present, key) ? merged(present[key], value) : value,
  ]);
  return { ...present, ...Object.fromEntries(members) };
}

/** The object in the file; an empty one if there is no file. */
function readObject(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new CliError(`${path} cannot be read: ${systemReason(cause)}`, { cause });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Reported below.
  }
  throw new CliError(
    `${path} is not a JSON object, or has comments, which would be lost: add the settings yourself, as printed without --write`,
  );
}

/**
 * Adds `members` to the JSON object in `file`, which is created if it is missing. Everything else in it stays.
 *
 * @returns the absolute path
 * @throws CliError if the file cannot be read, is not plain JSON, or cannot be written; it is unchanged then
 */
export function mergeIntoFile(file: string, members: JsonObject): string {
  const path = resolve(file);
  const text = `${JSON.stringify(merged(readObject(path), members), null, 2)}\n`;
  const draft = `${path}.${process.pid}.new`;
  try {
    writeFileSync(draft, text);
    renameSync(draft, path);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new CliError(`${path} cannot be written: ${systemReason(cause)}`, { cause });
  }
  return path;
}
