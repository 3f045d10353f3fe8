import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { type z } from 'zod';

import { systemReason } from '../system-reason.ts';

import { ConfigError, type ConfigPlace } from './config-error.ts';
import { type ConfigOrigins } from './config-origin.ts';
import { describeFormat, describeIssue, findUnusableKeys } from './describe-issue.ts';
import { formatKeyPath, isTree, type KeyPath, type Tree } from './key-path.ts';
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
}

interface Origin {
  readonly text: string;
  readonly file?: string;
  readonly line?: number;
}

/** The origin of every key over all files, environment and flags. */
class Origins {
  readonly #places = new Map<string, { readonly file: string; readonly line: number }>();
  readonly #settings = new Map<string, string>();

  addFile(file: TomlFile, rename: (key: string) => string = (key) => key): void {
    for (const [key, line] of file.lines) this.#places.set(rename(key), { file: file.file, line });
  }

  addSetting({ path, origin }: Setting): void {
    this.#settings.set(formatKeyPath(path), origin);
  }

  /** Origin of `path` or of its nearest ancestor that is set; undefined if none is. */
  of(path: KeyPath): Origin | undefined {
    // A setting replaces the value of the file at its key and below, so settings are checked first.
    for (let length = path.length; length > 0; length -= 1) {
      const setting = this.#settings.get(formatKeyPath(path.slice(0, length)));
      if (setting !== undefined) return { text: setting };
    }
    for (let length = path.length; length > 0; length -= 1) {
      const place = this.#places.get(formatKeyPath(path.slice(0, length)));
      if (place !== undefined) return { text: `${place.file}:${place.line}`, ...place };
    }
    return undefined;
  }
}

function tomlFilesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.toml'))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new ConfigError(
      `${directory} cannot be read: ${systemReason(error)}`,
      { file: directory },
      error,
    );
  }
}

/** Appends the arrays of a further file to `tree`. */
function mergeFile(tree: Tree, file: TomlFile, arrays: readonly string[], origins: Origins): void {
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
    const present: unknown = tree[key];
    const before: unknown[] = Array.isArray(present) ? present : [];
    tree[key] = [...before, ...added];
    const shift = (name: string): string =>
      name.replace(/^([^.[]+)\[(\d+)\]/, (whole, array: string, index: string) =>
        array === key ? `${array}[${Number(index) + before.length}]` : whole,
      );
    origins.addFile(
      { ...file, lines: new Map([...file.lines].filter(([name]) => name.startsWith(`${key}[`))) },
      shift,
    );
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

function readTree<T>(input: ConfigInput<T>, origins: Origins): Tree {
  if (input.file === undefined) return {};
  const main = readTomlFile(input.file, input.fileKey);
  origins.addFile(main);
  const tree: Tree = { ...main.tree };
  if (input.alsoMerge !== undefined) {
    const directory = join(dirname(input.file), input.alsoMerge.directory);
    for (const file of tomlFilesIn(directory))
      mergeFile(tree, readTomlFile(file), input.alsoMerge.arrays, origins);
  }
  return tree;
}

/**
 * Loads a configuration: defaults < TOML < environment < flags, strict (contracts, section 4).
 *
 * @throws ConfigError naming file, line, key and the nearest known key; one line per problem.
 */
export function loadConfig<T>(input: ConfigInput<T>): LoadedConfig<T> {
  const origins = new Origins();
  const tree = readTree(input, origins);
  const env = readEnvSettings({
    ...input,
    ignore: new Set(input.ignoreEnv ?? []),
  });
  const settings = [...env.settings, ...flagSettings(input.flags ?? {})];
  applySettings(tree, settings);
  for (const setting of settings) origins.addSetting(setting);

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
