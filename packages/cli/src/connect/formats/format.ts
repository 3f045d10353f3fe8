import { type JsonObject } from '../json-value.ts';

/** A file that cannot be edited, or only with loss. `line` counts from 1. */
export class UneditableFile extends Error {
  override readonly name = 'UneditableFile';
  readonly line: number | undefined;

  constructor(reason: string, options: { line?: number | undefined; cause?: unknown } = {}) {
    super(reason, { cause: options.cause });
    this.line = options.line;
  }
}

export interface Edit {
  /** What the file holds now; empty if there is none. */
  readonly text: string;
  readonly settings: JsonObject;
  /** Top-level settings that the file gets only if it lacks them. */
  readonly defaults?: JsonObject | undefined;
  /** The member that identifies an entry of a list. Without it, a list in `settings` replaces that of the file. */
  readonly listKey?: string | undefined;
}

/**
 * The text with the settings in it. Everything else in the text stays, comments too, and a text that has the settings
 * already is returned as it is.
 *
 * @throws UneditableFile
 */
export type EditText = (edit: Edit) => string;
