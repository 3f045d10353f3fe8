import { CliError } from '../cli-error.ts';
import { type EditText, UneditableFile } from './formats/format.ts';
import { editJsonc } from './formats/edit-jsonc.ts';
import { editToml } from './formats/edit-toml.ts';
import { editYaml } from './formats/edit-yaml.ts';
import { readSettingsFile } from './settings-file.ts';
import { type Access, type Env, type Format, type SettingsFile } from './tool.ts';

const EDITORS: Readonly<Record<Format, EditText>> = {
  jsonc: editJsonc,
  toml: editToml,
  yaml: editYaml,
};

/** Some editors of Windows begin a file with it. */
const BYTE_ORDER_MARK = '\uFEFF';

/** One file, as it is and as it would be. */
export interface PlannedFile {
  readonly path: string;
  /** Undefined: there is no file. */
  readonly before: string | undefined;
  readonly after: string;
}

const edit = (
  { format, settings, defaults, listKey }: SettingsFile,
  access: Access,
  text: string,
) => EDITORS[format]({ text, settings: settings(access), defaults, listKey });

/** The settings alone, as a new file has them. */
export const formatSettings = (file: SettingsFile, access: Access): string =>
  edit(file, access, '');

/** The files of a program for which `access` gives settings. */
export const filesWithSettings = (
  files: readonly SettingsFile[],
  access: Access,
): readonly SettingsFile[] =>
  files.filter(({ settings }) => Object.keys(settings(access)).length > 0);

/** @throws CliError that names the file and the line if it cannot be edited; nothing is written */
export function planFile(file: SettingsFile, access: Access, env: Env): PlannedFile {
  const path = file.path(env);
  const before = readSettingsFile(path);
  const mark = before?.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '';
  try {
    const text = (before ?? '').slice(mark.length);
    return { path, before, after: mark + edit(file, access, text) };
  } catch (cause) {
    if (!(cause instanceof UneditableFile)) throw cause;
    const place = cause.line === undefined ? path : `${path}:${cause.line}`;
    throw new CliError(`${place}: ${cause.message}; the file is unchanged`, { cause });
  }
}
