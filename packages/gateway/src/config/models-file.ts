/** models.toml as a file that commands change: comments and the rest of the text stay as they are. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { CortexError } from '@cortex/protocol';
import { formatKeyPath, isTree, readTomlFile, systemReason } from '@cortex/service';

/** What `cortex add` writes about a model. */
export interface ModelToAdd {
  readonly id: string;
  readonly source: string;
  readonly quant?: string | undefined;
  readonly context_length?: number | undefined;
}

/** A value of one line; TOML's basic strings are JSON's, but for control characters that ids do not have. */
const line = ([key, value]: readonly [string, unknown]): string[] =>
  value === undefined ? [] : [`${key} = ${JSON.stringify(value)}`];

/** How the lines of `text` end. */
const lineEndOf = (text: string): string => /\r?\n/.exec(text)?.[0] ?? '\n';

/** `text` with the model at its end. */
export function withModel(text: string, model: ModelToAdd): string {
  const above = text.trim() === '' ? [] : [text.trimEnd(), ''];
  const table = ['[[models]]', ...Object.entries(model).flatMap(line)];
  return [...above, ...table, ''].join(lineEndOf(text));
}

/** The lines of the model's table, from 1, the last one excluded; undefined: it is not written as a table. */
function linesOf(
  file: string,
  id: string,
): { readonly first: number; readonly end: number } | undefined {
  const { tree, lines } = readTomlFile(file);
  const models: unknown = tree['models'];
  const index = Array.isArray(models)
    ? models.findIndex((model) => isTree(model) && model['id'] === id)
    : -1;
  const name = formatKeyPath(['models', index]);
  const first = lines.get(name);
  if (first === undefined) return undefined;
  let end = Infinity;
  for (const [key, at] of lines) {
    const isOwn = key === name || key.startsWith(`${name}.`);
    if (!isOwn && at > first) end = Math.min(end, at);
  }
  return { first, end };
}

const isEmpty = (text: string | undefined): boolean => text?.trim() === '';
const isComment = (text: string | undefined): boolean => text?.trim().startsWith('#') === true;

/** The text of `file` without the model; undefined: it has no table of that id. */
export function withoutModel(file: string, id: string): string | undefined {
  const found = linesOf(file, id);
  if (!found) return undefined;
  const text = readFileSync(file, 'utf8');
  const all = text.split('\n');
  // Written on the line of another key, as in an inline array, it is not a table of its own.
  if (!/^\s*\[\[/.test(all[found.first - 1] ?? '')) return undefined;
  let end = Math.min(found.end - 1, all.length);
  // Comments and empty lines before the next table belong to that one.
  while (end > found.first && (isEmpty(all[end - 1]) || isComment(all[end - 1]))) end -= 1;
  // At the end of the file, comments directly below the table belong to it.
  if (!Number.isFinite(found.end)) while (isComment(all[end])) end += 1;
  const above = all.slice(0, found.first - 1);
  // The table leaves one empty line where it had one on both sides, and none at the start.
  if (above.length === 0 || isEmpty(above.at(-1))) while (isEmpty(all[end])) end += 1;
  const kept = [...above, ...all.slice(end)].join('\n').trimEnd();
  return kept === '' ? '' : `${kept}${lineEndOf(text)}`;
}

/**
 * Replaces the file in one step, after a check that it is valid.
 *
 * @returns puts the file back as it was, and throws like this function
 * @throws CortexError naming the file and the reason; the file is as before then
 */
export function replaceModelsFile(
  file: string,
  text: string,
  check: (file: string) => void,
): () => void {
  return orNamed(file, () => {
    const before = existsSync(file) ? readFileSync(file) : undefined;
    writeWhole(file, text, check);
    return () =>
      orNamed(file, () => {
        if (before === undefined) rmSync(file, { force: true });
        else writeWhole(file, before);
      });
  });
}

/**
 * Checks that the file could be replaced with `text`.
 *
 * @throws CortexError as `replaceModelsFile`
 */
export function checkModelsText(file: string, text: string, check: (file: string) => void): void {
  orNamed(file, () => prepared(file, text, check, () => undefined));
}

/** A link stays a link, and a file keeps its mode. */
function writeWhole(file: string, content: string | Buffer, check?: (file: string) => void): void {
  prepared(file, content, check, renameSync);
}

/** Writes `content` beside the file, checks that, and calls `finish` with its path and that of the file itself. */
function prepared(
  file: string,
  content: string | Buffer,
  check: ((file: string) => void) | undefined,
  finish: (making: string, target: string) => void,
): void {
  const isThere = existsSync(file);
  const target = isThere ? realpathSync(file) : file;
  const making = `${target}.new`;
  try {
    mkdirSync(dirname(target), { recursive: true });
    const mode = isThere ? statSync(target).mode & 0o777 : 0o644;
    writeFileSync(making, content, { mode });
    check?.(making);
    finish(making, target);
  } finally {
    rmSync(making, { force: true });
  }
}

/** Errors of the file system as those of a call that concerns `file`. */
function orNamed<T>(file: string, change: () => T): T {
  try {
    return change();
  } catch (error) {
    if (error instanceof CortexError) throw error;
    throw new CortexError('invalid_request', `${file} cannot be written: ${systemReason(error)}`, {
      cause: error,
    });
  }
}
