import { type Interest } from './interest.ts';
import { JsonScanner } from './json-scanner.ts';
import { type ByteRange, type JsonScalar, ViewListener, viewInterest } from './view-listener.ts';

export type { ByteRange, JsonScalar } from './view-listener.ts';

/**
 * Bytes that one slice scans before it yields to the event loop: 3 to 8 ms of the densest JSON, measured on one
 * busy core.
 */
export const SLICE_BYTES = 256 << 10;

/** The fields of a body that routing reads, found in one forward scan. The bytes are forwarded unchanged. */
export interface JsonView {
  /**
   * `model` and the wanted scalars, decoded (strings to their first 64 KiB). A name is absent when the body does
   * not have it or its value is an object or an array. The last of duplicates is used, as in `JSON.parse`.
   */
  readonly values: Readonly<Record<string, JsonScalar>>;
  /** Byte range [start, end) of the value of the top-level `model` (quotes included); absent if it is not a scalar. */
  readonly modelRange?: ByteRange | undefined;
  /** Those of `model` and the wanted names whose value is an object or an array. */
  readonly containers: ReadonlySet<string>;
  /**
   * UTF-8 of the texts that identify a conversation: the system text and the first user turn, or the prompt, 4 KiB of
   * each; undefined if the body has none. Not read before it is called: few requests need them.
   */
  readonly affinityTexts: () => readonly Uint8Array[] | undefined;
}

/** Interests by the list that they were created for. Callers pass the same constant for every request. */
const interests = new WeakMap<readonly string[], ReturnType<typeof viewInterest>>();

function interestFor(wanted: readonly string[]): ReturnType<typeof viewInterest> {
  const known = interests.get(wanted);
  if (known !== undefined) return known;
  const made = viewInterest(wanted);
  interests.set(wanted, made);
  return made;
}

type Kind = ReturnType<typeof viewInterest> extends Interest<infer Found> ? Found : never;

class ViewScan {
  readonly #listener: ViewListener;
  readonly #scanner: JsonScanner<Kind>;

  constructor(bytes: Uint8Array, wanted: readonly string[]) {
    this.#listener = new ViewListener(bytes);
    this.#scanner = new JsonScanner(bytes, interestFor(wanted), this.#listener);
  }

  /** Scans about this many bytes more; returns the view when the body has ended. */
  scan(maxBytes: number): JsonView | undefined {
    if (!this.#scanner.scan(this.#scanner.position + maxBytes)) return undefined;
    const listener = this.#listener;
    const { values, modelRange, containers } = listener;
    return {
      values,
      modelRange,
      containers,
      affinityTexts: () => listener.readAffinityTexts(),
    };
  }
}

/**
 * Reads `model` and the wanted scalars of a JSON object without pausing; a dot names a member of a top-level object
 * (`metadata.user_id`).
 *
 * Use `readJsonViewInSlices` for bodies of more than one MiB: dense JSON takes 10 to 30 ms per MiB.
 *
 * @throws CortexError `malformed_json`, naming the byte offset, when the text is not a JSON object. The inside of
 * strings that are not wanted is not checked.
 */
export function readJsonView(bytes: Uint8Array, wanted: readonly string[]): JsonView {
  const scan = new ViewScan(bytes, wanted);
  for (;;) {
    const view = scan.scan(Infinity);
    if (view !== undefined) return view;
  }
}

/** Lets other work run between two slices. */
export const yieldToEventLoop = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/**
 * `readJsonView` that yields to the event loop after every 256 KiB, so that a body of 64 MiB delays no stream
 * (behaviour 1).
 *
 * @param pause - Awaited between two slices; by default one turn of the event loop.
 * @throws CortexError `malformed_json`, as `readJsonView`.
 */
export async function readJsonViewInSlices(
  bytes: Uint8Array,
  wanted: readonly string[],
  pause: () => Promise<void> = yieldToEventLoop,
): Promise<JsonView> {
  const scan = new ViewScan(bytes, wanted);
  for (;;) {
    const view = scan.scan(SLICE_BYTES);
    if (view !== undefined) return view;
    await pause();
  }
}

const encoder = new TextEncoder();

type Bytes = Uint8Array<ArrayBuffer>;

/** A change of a text of which every other byte is kept. */
export interface ByteEdit {
  /** What it replaces; empty: it only adds. */
  readonly range: ByteRange;
  readonly parts: readonly Bytes[];
}

/** The parts of `bytes` after `edits`, whose ranges do not overlap. Of two that begin at one byte, the first is first. */
export function* editedParts(bytes: Bytes, edits: readonly ByteEdit[]): Generator<Bytes, void> {
  let at = 0;
  for (const { range, parts } of edits.toSorted((a, b) => a.range[0] - b.range[0])) {
    yield bytes.subarray(at, range[0]);
    yield* parts;
    [, at] = range;
  }
  yield bytes.subarray(at);
}

function edited(bytes: Bytes, edit: ByteEdit): Bytes {
  const parts = [...editedParts(bytes, [edit])];
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const modelEdit = (range: ByteRange, model: string): ByteEdit => ({
  range,
  parts: [encoder.encode(JSON.stringify(model))],
});

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Members that come first in the first JSON object from `from` on, which does not have them. */
export function membersEdit(
  bytes: Uint8Array,
  members: Readonly<Record<string, unknown>>,
  from = 0,
): ByteEdit {
  const at = bytes.indexOf(OPEN_BRACE, from) + 1;
  // Only white space can be between the braces of an empty object.
  const isEmpty = bytes[at + bytes.subarray(at).findIndex((byte) => byte > 0x20)] === CLOSE_BRACE;
  const text = JSON.stringify(members).slice(1, -1);
  return { range: [at, at], parts: [encoder.encode(isEmpty || text === '' ? text : `${text},`)] };
}

/** The body with another model name; every other byte is kept. `range` is `JsonView.modelRange`. */
export const spliceModel = (bytes: Bytes, range: ByteRange, model: string): Bytes =>
  edited(bytes, modelEdit(range, model));

/** The body with `model` as its first member; every other byte is kept. For a JSON object without that member. */
export const insertModel = (bytes: Bytes, model: string): Bytes =>
  edited(bytes, membersEdit(bytes, { model }));

/**
 * The parts of the body with more members, which come first, with another model name where it has one, and with
 * `edits`; every other byte is kept. For a JSON object that does not have those members, or whose edits remove them. A
 * large body is not copied.
 */
export function rewriteBody(
  bytes: Bytes,
  {
    members,
    modelRange,
    model,
    edits = [],
  }: {
    readonly members: Readonly<Record<string, unknown>>;
    readonly modelRange: ByteRange | undefined;
    readonly model: string;
    readonly edits?: readonly ByteEdit[] | undefined;
  },
): readonly Bytes[] {
  const renamed = modelRange === undefined ? [] : [modelEdit(modelRange, model)];
  return [...editedParts(bytes, [membersEdit(bytes, members), ...renamed, ...edits])];
}
