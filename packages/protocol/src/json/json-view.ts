import { type Interest } from './interest.ts';
import { JsonScanner } from './json-scanner.ts';
import { type ByteRange, type JsonScalar, ViewListener, viewInterest } from './view-listener.ts';

export type { ByteRange, JsonScalar } from './view-listener.ts';

/**
 * Bytes that one slice scans before it yields to the event loop: 3 to 8 ms of the densest JSON, measured on one
 * busy core.
 */
const SLICE_BYTES = 256 << 10;

/** The fields of a body that routing reads, found in one forward scan. The bytes are forwarded unchanged. */
export interface JsonView {
  /**
   * `model` and the wanted scalars, decoded (strings to their first 64 KiB). A name is absent when the body does
   * not have it or its value is an object or an array. The last of duplicates is used, as in `JSON.parse`.
   */
  readonly values: Readonly<Record<string, JsonScalar>>;
  /** Byte range [start, end) of the value of the top-level `model` (quotes included); absent if it is not a scalar. */
  readonly modelRange?: ByteRange | undefined;
  /** The top-level `model` is an object or an array. */
  readonly isModelContainer: boolean;
  /**
   * Text that identifies a conversation: the system text and the first user turn, or the prompt, 4 KiB of each;
   * absent if the body has none.
   *
   * @throws CortexError `malformed_json` when that text is not a valid JSON string.
   */
  readonly affinityText?: string | undefined;
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
    const { values, modelRange, isModelContainer } = listener;
    return {
      values,
      modelRange,
      isModelContainer,
      // Decoded lazily, because most requests have only one candidate node.
      get affinityText() {
        return listener.readAffinityText();
      },
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

const yieldToEventLoop = (): Promise<void> =>
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

/** The body with another model name; every other byte is kept. `range` is `JsonView.modelRange`. */
export function spliceModel(
  bytes: Uint8Array,
  range: ByteRange,
  model: string,
): Uint8Array<ArrayBuffer> {
  const name = encoder.encode(JSON.stringify(model));
  const spliced = new Uint8Array(range[0] + name.length + bytes.length - range[1]);
  spliced.set(bytes.subarray(0, range[0]));
  spliced.set(name, range[0]);
  spliced.set(bytes.subarray(range[1]), range[0] + name.length);
  return spliced;
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The body with more members, which come first; every other byte is kept. For a JSON object without those members.
 */
export function insertMembers(
  bytes: Uint8Array,
  members: Readonly<Record<string, unknown>>,
): Uint8Array<ArrayBuffer> {
  const at = bytes.indexOf(OPEN_BRACE) + 1;
  // Only white space can be between the braces of an empty object.
  const isEmpty = bytes[at + bytes.subarray(at).findIndex((byte) => byte > 0x20)] === CLOSE_BRACE;
  const text = JSON.stringify(members).slice(1, -1);
  const inserted = encoder.encode(isEmpty || text === '' ? text : `${text},`);
  const whole = new Uint8Array(bytes.length + inserted.length);
  whole.set(bytes.subarray(0, at));
  whole.set(inserted, at);
  whole.set(bytes.subarray(at), at + inserted.length);
  return whole;
}

/** The body with `model` as its first member; every other byte is kept. For a JSON object without that member. */
export const insertModel = (bytes: Uint8Array, model: string): Uint8Array<ArrayBuffer> =>
  insertMembers(bytes, { model });
