import {
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { systemReason } from '@cortex/service';

import { CliError } from '../cli-error.ts';

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** The text of the file; undefined if there is none. @throws CliError if it cannot be read */
export function readSettingsFile(path: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    const reason = cause instanceof TypeError ? 'it is not UTF-8' : systemReason(cause);
    throw new CliError(`${path} cannot be read: ${reason}`, { cause });
  }
}

/** Copies the file to a name beside it that no other file has. */
function backUp(path: string): string {
  for (let number = 1; ; number++) {
    const backup = `${path}.before-cortex${number === 1 ? '' : `-${number}`}`;
    try {
      copyFileSync(path, backup, constants.COPYFILE_EXCL);
      return backup;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
}

/** The file that a link at `path` leads to, which is often in a repository of the user's settings. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return path;
    throw error;
  }
}

/** Replaces the file at once, so that no program reads half of it. A new file is readable only by its owner. */
function replace(path: string, text: string, mode: number): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    writeFileSync(draft, text, { mode });
    chmodSync(draft, mode);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/**
 * Writes the text, with a copy of the present file beside it.
 *
 * @param before - the text that the file must still have; undefined if there must be no file
 * @returns the path of the copy; undefined if there was no file
 * @throws CliError if it cannot be written, or has changed; it is unchanged then
 */
export function writeSettingsFile({
  path,
  before,
  after,
}: {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string;
}): string | undefined {
  try {
    const target = targetOf(path);
    mkdirSync(dirname(target), { recursive: true });
    if (readSettingsFile(target) !== before)
      throw new CliError(`${path} has just been changed by another program: run this again`);
    const backup = before === undefined ? undefined : backUp(target);
    replace(target, after, before === undefined ? 0o600 : statSync(target).mode & 0o777);
    return backup;
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`${path} cannot be written: ${systemReason(cause)}`, { cause });
  }
}
