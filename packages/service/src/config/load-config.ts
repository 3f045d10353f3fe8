import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { type z } from 'zod';

import { systemReason } from '../system-reason.ts';

import { ConfigError, type ConfigPlace } from './config-error.ts';
import { type ConfigOrigins } from './config-origin.ts';
import { type CredentialInput, readCredentials } from './credentials.ts';
import { describeFormat, describeIssue, findUnusableKeys } from './describe-issue.ts';
import { formatKeyPath, isTree, type KeyPath, type Tree } from './key-path.ts';
import { Origins } from './origins.ts';
import { applySettings, readEnvSettings, type Setting } from './overlay-env.ts';
import { type NamingKey, readTomlFile, type TomlFile } from './toml-file.ts';

/** A configuration with the origin of each value. */
export interface LoadedConfig<T> {
  readonly value: T;
  readonly origins: ConfigOrigins;
  /** Problems that do not stop the start. */
  readonly warnings: readonly string[];
}

/** Files whose arrays of tables are appended, such as `nodes.d/*.toml`. */
export interface MergedDirectory {
  /** Relative to the folder of the main file; may be missing. */
  readonly directory: string;
  /** The arrays that such a file may contain; any other key is an error. */
  readonly arrays: readonly string[];
}

/** The absolute path that a key has in the configuration; undefined: none, as yet. */
export type PathOfKey = (key: string) => string | undefined;

/** A folder of state with files like those of `MergedDirectory`. They add to the arrays, whatever has set these. */
export interface AddedFolder {
  /** Where it is; it may be missing. */
  readonly folder: (pathOf: PathOfKey) => string;
  readonly arrays: readonly string[];
}

export interface ConfigInput<T> {
  readonly schema: z.ZodType<T>;
  /** Undefined: no file; only environment, flags and defaults apply. */
  readonly file: string | undefined;
  /** The key that names `file`; undefined: a flag names it. */
  readonly fileKey?: NamingKey | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prefix: 'CORTEX_' | 'NEURON_';
  /** Full names of variables with the prefix that are not keys. */
  readonly ignoreEnv?: Iterable<string>;
  /** Dotted key → value, or `{ value, flag }` to be named `--flag`; undefined values are skipped. */
  readonly flags?: Readonly<Record<string, unknown>> | undefined;
  readonly alsoMerge?: MergedDirectory;
  readonly alsoAdd?: AddedFolder;
  /** A file whose values apply where nothing else sets the key; it may be missing. */
  readonly fileBelow?: (pathOf: PathOfKey) => string;
  /** Credentials of systemd: the default of a key that nothing else sets. */
  readonly credentials?: CredentialInput['credentials'];
}

function tomlFilesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.toml'))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new ConfigError(
      `${directory} cannot be read: ${systemReason(error)}`,
      { file: directory },
      error,
    );
  }
}

interface Merging {
  /** The arrays that such a file may contain. */
  readonly arrays: readonly string[];
  readonly tree: Tree;
  readonly origins: Origins;
  /** Whether it adds to what settings have set. */
  readonly isAdded: boolean;
}

/** Appends the arrays of a further file to a tree. */
function mergeFile(file: TomlFile, { arrays, tree, origins, isAdded }: Merging): void {
  for (const [key, added] of Object.entries(file.tree)) {
    if (!arrays.includes(key) || !Array.isArray(added)) {
      const line = file.lines.get(formatKeyPath([key]));
      const allowed = arrays.map((name) => `[[${name}]]`).join(', ');
      throw new ConfigError(
        `${file.file}:${line ?? 1}: this file may contain only ${allowed}, not ${key}`,
        {
          file: file.file,
          line,
          key,
        },
      );
    }
    const before: unknown = tree[key] ?? [];
    // The schema refuses it.
    if (!Array.isArray(before)) continue;
    tree[key] = [...before, ...added];
    const shift = (name: string): string =>
      name.replace(/^([^.[]+)\[(\d+)\]/, (whole, array: string, index: string) =>
        array === key ? `${array}[${Number(index) + before.length}]` : whole,
      );
    const lines = new Map([...file.lines].filter(([name]) => name.startsWith(`${key}[`)));
    origins.addFile({ ...file, lines }, { rename: shift, isAdded });
  }
}

function isNamedFlag(value: unknown): value is { readonly value: unknown; readonly flag: string } {
  return isTree(value) && typeof value['flag'] === 'string' && 'value' in value;
}

function flagSettings(flags: Readonly<Record<string, unknown>>): Setting[] {
  return Object.entries(flags).flatMap(([key, given]) => {
    const { value, flag } = isNamedFlag(given) ? given : { value: given, flag: undefined };
    if (value === undefined) return [];
    const path = key.split('.');
    const origin = flag ?? `--${String(path.at(-1)).replaceAll('_', '-')}`;
    return [{ path, value, origin }];
  });
}

function isPresent(tree: unknown, [first, ...rest]: KeyPath): boolean {
  if (first === undefined) return tree !== undefined;
  if (Array.isArray(tree)) return typeof first === 'number' && isPresent(tree[first], rest);
  return isTree(tree) && isPresent(tree[first], rest);
}

/** All leaves of a configuration; an array of plain values counts as one. */
function* leafPaths(value: unknown, path: KeyPath): Generator<KeyPath> {
  if (isTree(value)) {
    for (const [key, child] of Object.entries(value)) yield* leafPaths(child, [...path, key]);
  } else if (Array.isArray(value) && value.some(isTree)) {
    for (const [index, child] of value.entries()) yield* leafPaths(child, [...path, index]);
  } else if (value !== undefined) yield path;
}

/** A value of the wrong type is one problem: the schema library also reports the size of an empty list, for example. */
function withoutRepeats(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  const mistyped = new Set(
    issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => path.join('.')),
  );
  return issues.filter(
    ({ code, path }) => code === 'invalid_type' || !mistyped.has(path.join('.')),
  );
}

/** The path of a key in `tree`, relative to the file that contains it. */
function pathIn(tree: Tree, origins: Origins): PathOfKey {
  return (key) => {
    const path = key.split('.');
    const value = path.reduce<unknown>((at, part) => (isTree(at) ? at[part] : undefined), tree);
    // The schema refuses any other value.
    if (typeof value !== 'string' || value === '') return undefined;
    const file = origins.of(path)?.file;
    return file === undefined ? resolve(value) : resolve(dirname(file), value);
  };
}

/** Fills `tree` with what `below` has and `tree` has not. */
function fill(tree: Tree, below: Tree): void {
  for (const [key, value] of Object.entries(below)) {
    const own = tree[key];
    if (own === undefined) tree[key] = value;
    else if (isTree(own) && isTree(value)) fill(own, value);
  }
}

/** The values of all files and settings; the places of all of them are in `origins`. */
function readTree<T>(input: ConfigInput<T>, settings: readonly Setting[], origins: Origins): Tree {
  const { file, fileKey, alsoMerge, alsoAdd, fileBelow } = input;
  const main = file === undefined ? undefined : readTomlFile(file, fileKey);
  if (main !== undefined) origins.addFile(main);
  for (const setting of settings) origins.addSetting(setting);
  const tree: Tree = { ...main?.tree };

  // Where the files of the state are depends on the settings, and these replace what the folder beside the file adds.
  const preview = structuredClone(tree);
  applySettings(preview, settings);
  const pathOf = pathIn(preview, origins);
  const stateFolder = alsoAdd && resolve(alsoAdd.folder(pathOf));
  const below = fileBelow?.(pathOf);
  const merge = (folder: string, how: Pick<Merging, 'arrays' | 'isAdded'>): void => {
    for (const name of tomlFilesIn(folder))
      mergeFile(readTomlFile(name), { ...how, tree, origins });
  };
  if (file !== undefined && alsoMerge !== undefined) {
    const folder = join(dirname(file), alsoMerge.directory);
    if (resolve(folder) !== stateFolder)
      merge(folder, { isAdded: false, arrays: alsoMerge.arrays });
  }
  applySettings(tree, settings);
  if (below !== undefined && existsSync(below)) {
    const lowest = readTomlFile(below);
    fill(tree, lowest.tree);
    origins.addFileBelow(lowest);
  }
  const credentials = readCredentials(input).filter(({ path }) => !isPresent(tree, path));
  for (const credential of credentials) origins.addSetting(credential);
  const defaults: Tree = {};
  applySettings(defaults, credentials);
  fill(tree, defaults);
  if (alsoAdd !== undefined && stateFolder !== undefined)
    merge(stateFolder, { isAdded: true, arrays: alsoAdd.arrays });
  return tree;
}

/**
 * Loads a configuration: defaults < credentials < TOML < environment < flags, strict (contracts, section 4).
 *
 * @throws ConfigError naming file, line, key and the nearest known key; one line per problem.
 */
export function loadConfig<T>(input: ConfigInput<T>): LoadedConfig<T> {
  const origins = new Origins();
  const env = readEnvSettings({
    ...input,
    ignore: new Set(input.ignoreEnv ?? []),
  });
  const settings = [...env.settings, ...flagSettings(input.flags ?? {})];
  const tree = readTree(input, settings, origins);

  const parsed = input.schema.safeParse(tree, { error: describeFormat, reportInput: true });
  const problems: { message: string; place: ConfigPlace }[] = env.errors.map(
    ({ message, key }) => ({ message, place: { key } }),
  );
  const unusable = findUnusableKeys(tree);
  const issues = unusable.length > 0 ? [] : (parsed.error?.issues ?? []);
  const described = withoutRepeats(issues).flatMap((issue) => describeIssue(issue, input.schema));
  for (const { path, message } of [...unusable, ...described]) {
    const origin = origins.of(path);
    const prefix = origin?.text ?? input.file;
    problems.push({
      message: prefix === undefined ? message : `${prefix}: ${message}`,
      place: { file: origin?.file, line: origin?.line, key: formatKeyPath(path) },
    });
  }
  if (!parsed.success || problems.length > 0) {
    problems.sort((a, b) => (a.place.line ?? 0) - (b.place.line ?? 0));
    const text = problems.map(({ message }) => message).join('\n');
    throw new ConfigError(text, problems[0]?.place, parsed.error);
  }
  return {
    value: parsed.data,
    origins: new Map(
      [...leafPaths(parsed.data, [])].map((path) => [
        formatKeyPath(path),
        (isPresent(tree, path) ? origins.of(path)?.text : undefined) ?? 'default',
      ]),
    ),
    warnings: env.warnings,
  };
}
