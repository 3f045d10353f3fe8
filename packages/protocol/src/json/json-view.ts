import { AffinityReader } from './affinity-text.ts';
import { JsonScanner } from './json-scanner.ts';
import {
  type ByteRange,
  kindOfValue,
  readMembers,
  readText,
  skipSpace,
  skipString,
  skipValue,
  type Walk,
} from './walk.ts';

/** A wanted string is decoded to at most so many bytes of UTF-8; what routing reads is never longer. */
const MAX_SCALAR_BYTES = 1 << 16;
/** Bytes that one slice passes before others may run: a few milliseconds of the densest JSON. */
const SLICE_BYTES = 1 << 20;

const decoder = new TextDecoder();

export type JsonScalar = string | number | boolean | null;

/** What routing reads of a body, found by one forward scan. The bytes themselves are forwarded unread. */
export interface JsonView {
  /**
   * The wanted scalars, decoded (strings to their first 64 KiB). A name that is missing in the body, or holds an
   * object or an array there, is absent. Of duplicates the last counts, as in `JSON.parse`.
   */
  readonly values: Readonly<Record<string, JsonScalar>>;
  /** Byte range [start, end) of the value of the top-level `model` (quotes included); absent if there is none. */
  readonly modelRange?: ByteRange;
  /** Text that tells conversations apart: system text and first user turn, or the prompt, 4 KiB of each; absent if none. */
  readonly affinityText?: string;
}

/** Passes one value and returns it if it is a scalar. */
function* readScalar(scanner: JsonScanner): Walk<JsonScalar | undefined> {
  const kind = kindOfValue(scanner);
  if (kind === 'string')
    return readText(scanner.bytes, yield* skipString(scanner), MAX_SCALAR_BYTES);
  const start = scanner.position;
  yield* skipValue(scanner);
  if (kind !== 'scalar') return undefined;
  const text = decoder.decode(scanner.bytes.subarray(start, scanner.position));
  const value: unknown = JSON.parse(text);
  return typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** The walk over one top-level object. */
class ViewReader {
  readonly #scanner: JsonScanner;
  readonly #affinity: AffinityReader;
  /** Wanted names: parent (`''` for the top level) → key → the name as it was asked for. */
  readonly #wanted = new Map<string, Map<string, string>>();
  readonly #values: Record<string, JsonScalar> = {};
  #modelRange: ByteRange | undefined;

  constructor(scanner: JsonScanner, wanted: readonly string[]) {
    this.#scanner = scanner;
    this.#affinity = new AffinityReader(scanner);
    for (const name of wanted) {
      const dot = name.indexOf('.');
      const parent = dot === -1 ? '' : name.slice(0, dot);
      const below = this.#wanted.get(parent) ?? new Map<string, string>();
      this.#wanted.set(parent, below.set(name.slice(dot + 1), name));
    }
  }

  *read(): Walk<JsonView> {
    const scanner = this.#scanner;
    yield* skipSpace(scanner);
    if (kindOfValue(scanner) !== 'object') scanner.fail('an object ("{")');
    yield* readMembers(scanner, (key) => this.#readMember(key));
    yield* skipSpace(scanner);
    if (scanner.current !== undefined) scanner.fail('the end of the body');
    const affinityText = this.#affinity.text;
    return {
      values: this.#values,
      ...(this.#modelRange && { modelRange: this.#modelRange }),
      ...(affinityText !== undefined && { affinityText }),
    };
  }

  #readMember(key: string | undefined): Walk<void> {
    if (key === undefined) return skipValue(this.#scanner);
    const name = this.#wanted.get('')?.get(key);
    if (key === 'model' || name !== undefined) return this.#readWanted(key, name);
    const below = key === '' ? undefined : this.#wanted.get(key);
    if (below !== undefined) return this.#readBelow(below);
    return this.#affinity.walkFor(key) ?? skipValue(this.#scanner);
  }

  *#readWanted(key: string, name: string | undefined): Walk<void> {
    const start = this.#scanner.position;
    const value = yield* readScalar(this.#scanner);
    if (key === 'model') this.#modelRange = [start, this.#scanner.position];
    if (name !== undefined) this.#set(name, value);
  }

  *#readBelow(below: ReadonlyMap<string, string>): Walk<void> {
    // A later duplicate replaces the whole object, members that it does not repeat included.
    for (const name of below.values()) this.#set(name, undefined);
    if (kindOfValue(this.#scanner) !== 'object') return yield* skipValue(this.#scanner);
    yield* readMembers(this.#scanner, (key) => this.#readMemberBelow(below, key));
  }

  *#readMemberBelow(below: ReadonlyMap<string, string>, key: string | undefined): Walk<void> {
    const name = key === undefined ? undefined : below.get(key);
    if (name === undefined) return yield* skipValue(this.#scanner);
    this.#set(name, yield* readScalar(this.#scanner));
  }

  #set(name: string, value: JsonScalar | undefined): void {
    if (value === undefined) delete this.#values[name];
    else this.#values[name] = value;
  }
}

/**
 * Reads the wanted scalars of a JSON object in one go; a dot names a member of a top-level object (`metadata.user_id`).
 *
 * Takes about 1 ms for each MiB of dense JSON, far less for long strings. Bodies above a few MiB want
 * `readJsonViewInSlices`.
 *
 * @throws CortexError `malformed_json`, naming the byte offset, where the text is no JSON object. The inside of
 * strings that are not wanted is not checked.
 */
export function readJsonView(bytes: Uint8Array, wanted: readonly string[]): JsonView {
  const scanner = new JsonScanner(bytes);
  const walk = new ViewReader(scanner, wanted).read();
  for (;;) {
    const step = walk.next();
    if (step.done) return step.value;
  }
}

const letOthersRun = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/**
 * `readJsonView` that lets others run after every MiB, so that a body of 64 MiB delays no stream (behaviour 1).
 *
 * @param pause - Awaited between two slices; by default one turn of the event loop.
 * @throws CortexError `malformed_json`, as `readJsonView`.
 */
export async function readJsonViewInSlices(
  bytes: Uint8Array,
  wanted: readonly string[],
  pause: () => Promise<void> = letOthersRun,
): Promise<JsonView> {
  const scanner = new JsonScanner(bytes);
  const walk = new ViewReader(scanner, wanted).read();
  for (;;) {
    scanner.limit = scanner.position + SLICE_BYTES;
    const step = walk.next();
    if (step.done) return step.value;
    await pause();
  }
}

/** The body with another model name; every other byte is kept. `range` is `JsonView.modelRange`. */
export function spliceModel(bytes: Uint8Array, range: ByteRange, model: string): Uint8Array {
  const name = new TextEncoder().encode(JSON.stringify(model));
  const spliced = new Uint8Array(range[0] + name.length + bytes.length - range[1]);
  spliced.set(bytes.subarray(0, range[0]));
  spliced.set(name, range[0]);
  spliced.set(bytes.subarray(range[1]), range[0] + name.length);
  return spliced;
}
