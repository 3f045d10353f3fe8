import { parse } from 'smol-toml';
import { type z } from 'zod';

import { formatKeyPath, isTree, type KeyPath, type Tree } from './key-path.ts';
import { nearestName } from './nearest-name.ts';
import { keysAt, listHint, schemaAt, textKind, typePhrase } from './schema-shape.ts';

/** One setting from the environment or a flag. */
export interface Setting {
  readonly path: KeyPath;
  readonly value: unknown;
  /** `CORTEX_GATEWAY__LISTEN` or `--listen`. */
  readonly origin: string;
}

export interface EnvSettings {
  readonly settings: readonly Setting[];
  /** Unknown variables with the prefix. They do not stop the start, because Kubernetes injects such variables. */
  readonly warnings: readonly string[];
  /** One message per unknown key with `__` or value that cannot be parsed. */
  readonly errors: readonly { readonly message: string; readonly key: string }[];
}

const QUOTED = /^(?:"[^]*"|'[^]*')$/;

function readToml(text: string): { readonly value: unknown } | undefined {
  try {
    const tree = parse(`value = ${text}`);
    // A line break in the text could start another key.
    return Object.keys(tree).length === 1 ? { value: tree['value'] } : undefined;
  } catch {
    // Not TOML; the caller decides whether that is an error.
    return undefined;
  }
}

/** The value of a variable according to the type of its key; undefined if it does not have that type. */
function readValue(text: string, schema: z.core.$ZodType): { readonly value: unknown } | undefined {
  const kind = textKind(schema);
  if (kind === 'text') return (QUOTED.test(text) ? readToml(text) : undefined) ?? { value: text };
  return readToml(text) ?? (kind === 'either' ? { value: text } : undefined);
}

/** `GATEWAY__LISTEN` → `['gateway', 'listen']`. */
const toPath = (name: string): string[] => name.toLowerCase().split('__');

/** `['gateway', 'listen']` → `GATEWAY__LISTEN`. */
const toName = (path: KeyPath): string => path.map((part) => String(part).toUpperCase()).join('__');

function unknownKey(name: string, path: string[], input: EnvInput): string {
  let depth = 0;
  while (depth < path.length - 1 && schemaAt(input.schema, path.slice(0, depth + 1)) !== undefined)
    depth += 1;
  const base = path.slice(0, depth);
  const nearest = nearestName(path[depth] ?? '', keysAt(input.schema, base));
  const hint =
    nearest === undefined
      ? ''
      : `, did you mean ${input.prefix}${toName([...base, nearest, ...path.slice(depth + 1)])}?`;
  return `${name}: unknown key ${formatKeyPath(path)}${hint}`;
}

export interface EnvInput {
  readonly schema: z.core.$ZodType;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prefix: string;
  /** Full names with another meaning (`CORTEX_STATE_DIR`). */
  readonly ignore: ReadonlySet<string>;
}

/** Reads settings from the environment. A name is the prefix and the keys in capitals, joined by `__`. */
export function readEnvSettings(input: EnvInput): EnvSettings {
  const settings: Setting[] = [];
  const warnings: string[] = [];
  const errors: { message: string; key: string }[] = [];
  for (const [name, text] of Object.entries(input.env)) {
    if (text === undefined || !name.startsWith(input.prefix) || input.ignore.has(name)) continue;
    const path = toPath(name.slice(input.prefix.length));
    const key = formatKeyPath(path);
    const schema = schemaAt(input.schema, path);
    if (schema === undefined) {
      if (path.length > 1) errors.push({ message: unknownKey(name, path, input), key });
      else warnings.push(`${name} is not a known variable and is ignored`);
      continue;
    }
    const read = readValue(text, schema);
    if (read === undefined) {
      const message = `${name}: ${key} must be ${typePhrase(schema)}, not ${JSON.stringify(text)}${listHint(schema, text)}`;
      errors.push({ message, key });
    } else settings.push({ path, value: read.value, origin: name });
  }
  return { settings, warnings, errors };
}

/** Applies `settings` to `tree` in place; the last one wins. */
export function applySettings(tree: Tree, settings: readonly Setting[]): void {
  for (const { path, value } of settings) {
    const key = path.at(-1);
    if (key === undefined) continue;
    let section = tree;
    for (const part of path.slice(0, -1)) {
      const child = section[part];
      if (isTree(child)) section = child;
      else {
        const made: Tree = {};
        section[part] = made;
        section = made;
      }
    }
    section[key] = value;
  }
}
