import type { RemoteFile } from './remote-file.ts';

/** One file of a pull, and its place on the disk. */
export interface PlannedFile {
  readonly remote: RemoteFile;
  /** Where the complete file will be. Equal paths are the same content. */
  readonly path: string;
  /** The incomplete file, in the same folder. */
  readonly partialPath: string;
  /** Makes the complete file visible under its name; returns that path. May be repeated. */
  readonly install: () => Promise<string>;
}

/** The files of a pull. */
export interface PullPlan {
  /** The parts of the model in order, then the files beside it. */
  readonly files: readonly PlannedFile[];
  /** How many of them are parts of the model. */
  readonly parts: number;
  /** The one of them that is a draft model. */
  readonly draft?: PlannedFile | undefined;
  /** From the names of the files; absent if they have none. */
  readonly quant?: string | undefined;
}
