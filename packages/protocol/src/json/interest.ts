/** A value in a document that a scan reports. Values that no interest names are skipped unread. */
export interface Interest<Kind> {
  readonly kind: Kind;
  /** Members of interest, if the value is an object. */
  readonly members?: readonly MemberInterest<Kind>[];
  /** The interest of its elements, if the value is an array. */
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

/** Receives the values that its interests name, in document order. */
export interface ScanListener<Kind> {
  /** A string (quotes included), number, `true`, `false` or `null` at `[start, end)`. */
  scalar(kind: Kind, start: number, end: number): void;
  /** An object or array begins. Return false to skip it unread; no `close` follows then. */
  open(kind: Kind): boolean;
  /** The object or array at `[start, end)` has ended. */
  close(kind: Kind, start: number, end: number): void;
}
