import { CortexError } from '../errors.ts';

import { type JsonScanner } from './json-scanner.ts';
import { readStringText } from './string-text.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** No key that routing reads is longer; a longer one is passed undecoded. */
const MAX_KEY_BYTES = 64;
/** Characters of a key may be written as `\uXXXX`. */
const MAX_ESCAPED_KEY_BYTES = 6 * MAX_KEY_BYTES;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A walk over part of a document. It yields where it may be paused, and passes exactly what it is about. */
export type Walk<T> = Generator<void, T, void>;

/** Byte range [start, end). */
export type ByteRange = readonly [number, number];

/** The text inside the quotes of a string, at most `maxBytes` of UTF-8. @throws CortexError `malformed_json` */
export function readText(bytes: Uint8Array, inside: ByteRange, maxBytes: number): string {
  try {
    return readStringText(bytes, inside, maxBytes);
  } catch (error) {
    throw new CortexError(
      'malformed_json',
      `The body is not valid JSON: the string at byte ${inside[0] - 1} holds a control character or a broken escape.`,
      { cause: error },
    );
  }
}

/** Passes white space. */
export function* skipSpace(scanner: JsonScanner): Walk<void> {
  while (!scanner.skipSpace()) yield;
}

/** Passes the string that stands here and returns the range of its inside, without quotes. */
export function* skipString(scanner: JsonScanner): Walk<ByteRange> {
  if (scanner.current !== QUOTE) scanner.fail('a string');
  scanner.position += 1;
  const start = scanner.position;
  while (!scanner.skipStringRest()) yield;
  return [start, scanner.position - 1];
}

/** Passes the value that stands here, whatever it is. */
export function* skipValue(scanner: JsonScanner): Walk<void> {
  if (scanner.current === QUOTE) {
    yield* skipString(scanner);
  } else if (scanner.current === OPEN_BRACE || scanner.current === OPEN_BRACKET) {
    scanner.openContainer();
    while (!scanner.skipContainerRest()) yield;
  } else {
    scanner.skipScalar();
  }
}

function readKey(bytes: Uint8Array, [start, end]: ByteRange): string | undefined {
  if (end - start > MAX_ESCAPED_KEY_BYTES) return undefined;
  const key = bytes.subarray(start, end);
  if (key.includes(BACKSLASH)) return readText(bytes, [start, end], MAX_KEY_BYTES + 1);
  return end - start > MAX_KEY_BYTES ? undefined : decoder.decode(key);
}

/**
 * Passes the object that stands here; `readMember` passes each value, `scanner` standing on its first byte.
 *
 * The key is undefined where it is too long to be one that routing reads.
 */
export function* readMembers(
  scanner: JsonScanner,
  readMember: (key: string | undefined) => Walk<void>,
): Walk<void> {
  scanner.take(OPEN_BRACE);
  yield* skipSpace(scanner);
  if (scanner.takeIf(CLOSE_BRACE)) return;
  for (;;) {
    if (scanner.isPaused) yield;
    if (scanner.current !== QUOTE) scanner.fail('a key');
    const key = readKey(scanner.bytes, yield* skipString(scanner));
    yield* skipSpace(scanner);
    scanner.take(COLON);
    yield* skipSpace(scanner);
    yield* readMember(key);
    yield* skipSpace(scanner);
    if (scanner.takeIf(CLOSE_BRACE)) return;
    if (!scanner.takeIf(COMMA)) scanner.fail('"," or "}"');
    yield* skipSpace(scanner);
  }
}

/** Passes the array that stands here; `readElement` passes each element, `scanner` standing on its first byte. */
export function* readElements(scanner: JsonScanner, readElement: () => Walk<void>): Walk<void> {
  scanner.take(OPEN_BRACKET);
  yield* skipSpace(scanner);
  if (scanner.takeIf(CLOSE_BRACKET)) return;
  for (;;) {
    if (scanner.isPaused) yield;
    yield* readElement();
    yield* skipSpace(scanner);
    if (scanner.takeIf(CLOSE_BRACKET)) return;
    if (!scanner.takeIf(COMMA)) scanner.fail('"," or "]"');
    yield* skipSpace(scanner);
  }
}

/** What kind of value stands here, told by its first byte. */
export function kindOfValue(scanner: JsonScanner): 'string' | 'object' | 'array' | 'scalar' {
  const first = scanner.current;
  if (first === QUOTE) return 'string';
  if (first === OPEN_BRACE) return 'object';
  return first === OPEN_BRACKET ? 'array' : 'scalar';
}
