import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { parse, TomlError } from 'smol-toml';

import { systemReason } from '../system-reason.ts';

import { ConfigError } from './config-error.ts';
import { type ConfigOrigins, keyError } from './config-origin.ts';
import { type Tree } from './key-path.ts';
import { readTomlLines, type TomlLines } from './toml-lines.ts';

/** A parsed TOML file. */
export interface TomlFile {
  /** As the operator named it. */
  readonly file: string;
  readonly tree: Tree;
  readonly lines: TomlLines;
}

const LINE_FEED = 0x0a;

/** The first line, from 1, with bytes that are not UTF-8; undefined if there is none. */
function findBadLine(bytes: Buffer): number | undefined {
  if (isUtf8(bytes)) return undefined;
  for (let line = 1, start = 0; ; line += 1) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

/** The key of another configuration that names a file. */
export interface NamingKey {
  readonly origins: ConfigOrigins;
  readonly key: string;
}

function readBytes(file: string, namedBy: NamingKey | undefined): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const message = `${resolve(file)} cannot be read: ${systemReason(cause)}`;
    if (namedBy !== undefined) throw keyError(namedBy.origins, namedBy.key, { message, cause });
    throw new ConfigError(message, { file }, cause);
  }
}

function readText(file: string, namedBy: NamingKey | undefined): string {
  const bytes = readBytes(file, namedBy);
  const line = findBadLine(bytes);
  if (line === undefined) return bytes.toString('utf8');
  throw new ConfigError(`${file}:${line}: not valid TOML: the text is not UTF-8`, { file, line });
}

/** @throws ConfigError naming file and line if the file is missing or not TOML. */
export function readTomlFile(file: string, namedBy?: NamingKey): TomlFile {
  const text = readText(file, namedBy);
  try {
    const tree = parse(text);
    return { file, tree, lines: readTomlLines(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = 'not TOML'] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw new ConfigError(
      `${file}:${error.line}: not valid TOML: ${reason}`,
      { file, line: error.line },
      error,
    );
  }
}
