/** A place in a document that a scan reports; everything that no interest names is passed unread. */
export interface Interest<Kind> {
  readonly kind: Kind;
  /** Members of interest, where the value is an object. */
  readonly members?: readonly MemberInterest<Kind>[];
  /** What its elements are, where the value is an array. */
  readonly element?: Interest<Kind>;
}

export interface MemberInterest<Kind> {
  readonly key: string;
  /** `key` in UTF-8. */
  readonly keyBytes: Uint8Array;
  readonly interest: Interest<Kind>;
}

const encoder = new TextEncoder();

/** `interest` under the key `key`. */
export function memberInterest<Kind>(key: string, interest: Interest<Kind>): MemberInterest<Kind> {
  return { key, keyBytes: encoder.encode(key), interest };
}

/** Is told of the values that its interests name, in the order of the document. */
export interface ScanListener<Kind> {
  /** A string (quotes included), number, `true`, `false` or `null` at `[start, end)`. */
  scalar(kind: Kind, start: number, end: number): void;
  /** An object or array begins; false: it is of no interest after all, is passed unread, and no `close` follows. */
  open(kind: Kind): boolean;
  /** The object or array at `[start, end)` has ended. */
  close(kind: Kind, start: number, end: number): void;
}
