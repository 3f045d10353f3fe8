/** A file on a server, as a download sees it. */

/** What the bytes of a file must hash to. */
export type Checksum =
  | { readonly kind: 'sha256'; readonly hex: string }
  /** The id of a git blob: the SHA-1 of a header and the bytes. */
  | { readonly kind: 'git'; readonly hex: string };

/** Bytes of a file: from `start` to its end, or to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number | undefined;
}

/** The bytes that a server sends of a file. */
export interface OpenedFile {
  /** 0 if the server ignores ranges, or the file has changed since `version`. */
  readonly start: number;
  /** Size of the whole file; absent: unknown. */
  readonly sizeBytes?: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface RemoteFile {
  /** For messages, such as `hf:org/repo:model.gguf`. */
  readonly name: string;
  /** Without a folder. */
  readonly fileName: string;
  readonly sizeBytes: number;
  /** Absent: the server states none, and only the size is checked. */
  readonly checksum?: Checksum | undefined;
  /** Differs if the content differs: a checksum or an ETag. Absent: a partial file is never taken up. */
  readonly version?: string | undefined;
  /**
   * @throws CortexError `model_load_failed`, transient if the same call may succeed later; the reason of `signal`
   */
  open(range: ByteRange, signal: AbortSignal): Promise<OpenedFile>;
}
