/** Fields of a `multipart/form-data` body (RFC 7578), found without copying its files. */
import { CortexError } from './errors.ts';

const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;

/** A field of a form: its text, and its byte range [start, end) in the body. */
export interface FormField {
  readonly value: string;
  readonly range: readonly [number, number];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Whether a `Content-Type` is that of a form with files. */
export const isMultipart = (contentType: string | null): boolean =>
  /^\s*multipart\/form-data\s*(?:;|$)/i.test(contentType ?? '');

/** Where `wanted` begins in `bytes` at or after `from`; -1 if it does not. `wanted` is not empty. */
function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  const [first = 0] = wanted;
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    let length = 1;
    while (length < wanted.length && bytes[at + length] === wanted[length]) length += 1;
    if (length === wanted.length) return at;
  }
  return -1;
}

function boundaryOf(contentType: string | null): string {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType ?? '') ?? [];
  const boundary = quoted ?? plain;
  if (boundary !== undefined) return boundary;
  throw new CortexError('invalid_request', 'The Content-Type of the form has no boundary.');
}

const malformed = (): CortexError =>
  new CortexError('invalid_request', 'The body is not a complete multipart/form-data form.');

/** The `name` of a part; undefined for a part without one, and for a file. */
function fieldName(head: string): string | undefined {
  const line = /^content-disposition:[^\r\n]*/im.exec(head)?.[0] ?? '';
  if (/;\s*filename\*?=/i.test(line)) return undefined;
  const [, quoted, plain] = /;\s*name=(?:"([^"]*)"|([^\s;"]+))/i.exec(line) ?? [];
  return quoted ?? plain;
}

/**
 * The text fields of a form, by name; the last of duplicates is used. Files are skipped.
 *
 * @throws CortexError `invalid_request` when the body is not a form with the boundary of its `Content-Type`
 */
export function readFormFields(
  bytes: Uint8Array,
  contentType: string | null,
): ReadonlyMap<string, FormField> {
  const delimiter = encoder.encode(`\r\n--${boundaryOf(contentType)}`);
  const fields = new Map<string, FormField>();
  // The first delimiter has no line end before it, unless there is a preamble.
  const opening = delimiter.subarray(2);
  const startsAtOnce = opening.every((byte, index) => bytes[index] === byte);
  const first = startsAtOnce ? -2 : indexOf(bytes, delimiter, 0);
  if (first === -1) throw malformed();
  let at = first + delimiter.length;
  while (bytes[at] !== DASH || bytes[at + 1] !== DASH) {
    const head = bytes.indexOf(LF, at) + 1;
    const end = head === 0 ? -1 : indexOf(bytes, delimiter, head - 2);
    const value = head === 0 ? -1 : endOfHead(bytes, head);
    if (end === -1 || value === -1 || value > end) throw malformed();
    const name = fieldName(decoder.decode(bytes.subarray(head, value)));
    if (name !== undefined) {
      fields.set(name, { value: decoder.decode(bytes.subarray(value, end)), range: [value, end] });
    }
    at = end + delimiter.length;
  }
  return fields;
}

/** The first byte after the blank line that ends the head of a part; -1 if there is none. */
function endOfHead(bytes: Uint8Array, head: number): number {
  if (bytes[head] === CR && bytes[head + 1] === LF) return head + 2;
  const blank = indexOf(bytes, Uint8Array.of(CR, LF, CR, LF), head);
  return blank === -1 ? -1 : blank + 4;
}

/** The form with one more text field, which comes first; every other byte is kept. */
export function insertFormField(
  bytes: Uint8Array,
  contentType: string | null,
  { name, value }: { readonly name: string; readonly value: string },
): Uint8Array<ArrayBuffer> {
  const head = `--${boundaryOf(contentType)}\r\nContent-Disposition: form-data; name="${name}"`;
  const part = encoder.encode(`${head}\r\n\r\n${value}\r\n`);
  const whole = new Uint8Array(part.length + bytes.length);
  whole.set(part);
  whole.set(bytes, part.length);
  return whole;
}

/** The form with another value of one field; every other byte is kept. */
export function spliceFormField(
  bytes: Uint8Array,
  { range: [start, end] }: FormField,
  value: string,
): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(value);
  const spliced = new Uint8Array(start + text.length + bytes.length - end);
  spliced.set(bytes.subarray(0, start));
  spliced.set(text, start);
  spliced.set(bytes.subarray(end), start + text.length);
  return spliced;
}
