/** A GGUF file that a scan found, or that a repository lists. */
export interface FoundFile {
  /** Relative to the scanned folder, with `/`. */
  readonly relativePath: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** A download program has not finished it. */
  readonly isPartial: boolean;
}
