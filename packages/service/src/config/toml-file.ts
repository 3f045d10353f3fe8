import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { parse, TomlError } from 'smol-toml';

import { systemReason } from '../system-reason.ts';

import { ConfigError } from './config-error.ts';
import { type Tree } from './key-path.ts';
import { readTomlLines, type TomlLines } from './toml-lines.ts';

/** A parsed TOML file. */
export interface TomlFile {
  /** As the operator named it. */
  readonly file: string;
  readonly tree: Tree;
  readonly lines: TomlLines;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `${resolve(file)} cannot be read: ${systemReason(error)}`,
      { file },
      error,
    );
  }
}

/** @throws ConfigError naming file and line if the file is missing or not TOML. */
export function readTomlFile(file: string): TomlFile {
  const text = readText(file);
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
