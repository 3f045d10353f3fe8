import { type Interest } from './interest.ts';
import { JsonScanner } from './json-scanner.ts';
import { type ByteRange, type JsonScalar, ViewListener, viewInterest } from './view-listener.ts';

export type { ByteRange, JsonScalar } from './view-listener.ts';

/** Bytes that one slice passes before others may run: 3 to 8 ms of the densest JSON, measured on one busy core. */
const SLICE_BYTES = 256 << 10;

/** What routing reads of a body, found by one forward scan. The bytes themselves are forwarded unread. */
export interface JsonView {
  /**
   * `model` and the wanted scalars, decoded (strings to their first 64 KiB). A name that is missing in the body, or
   * holds an object or an array there, is absent. Of duplicates the last counts, as in `JSON.parse`.
   */
  readonly values: Readonly<Record<string, JsonScalar>>;
  /** Byte range [start, end) of the value of the top-level `model` (quotes included); absent if that is no scalar. */
  readonly modelRange?: ByteRange | undefined;
  /** The top-level `model` is an object or an array. */
  readonly isModelContainer: boolean;
  /**
   * Text that tells conversations apart: system text and first user turn, or the prompt, 4 KiB of each; absent if none.
   *
   * @throws CortexError `malformed_json` where that text is no JSON string after all.
   */
  readonly affinityText?: string | undefined;
}

/** Interests by the list they were made for: callers pass the same constant for every request. */
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

  /** Scans about so many bytes more; the view when the body has ended. */
  scan(maxBytes: number): JsonView | undefined {
    if (!this.#scanner.scan(this.#scanner.position + maxBytes)) return undefined;
    const listener = this.#listener;
    const { values, modelRange, isModelContainer } = listener;
    return {
      values,
      modelRange,
      isModelContainer,
      // Decoded when asked for: most requests have one node to go to.
      get affinityText() {
        return listener.readAffinityText();
      },
    };
  }
}

/**
 * Reads `model` and the wanted scalars of a JSON object in one go; a dot names a member of a top-level object
 * (`metadata.user_id`).
 *
 * Bodies of more than a MiB want `readJsonViewInSlices`: dense JSON takes 10 to 30 ms a MiB.
 *
 * @throws CortexError `malformed_json`, naming the byte offset, where the text is no JSON object. The inside of
 * strings that are not wanted is not checked.
 */
export function readJsonView(bytes: Uint8Array, wanted: readonly string[]): JsonView {
  const scan = new ViewScan(bytes, wanted);
  for (;;) {
    const view = scan.scan(Infinity);
    if (view !== undefined) return view;
  }
}

const letOthersRun = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/**
 * `readJsonView` that lets others run after every 256 KiB, so that a body of 64 MiB delays no stream (behaviour 1).
 *
 * @param pause - Awaited between two slices; by default one turn of the event loop.
 * @throws CortexError `malformed_json`, as `readJsonView`.
 */
export async function readJsonViewInSlices(
  bytes: Uint8Array,
  wanted: readonly string[],
  pause: () => Promise<void> = letOthersRun,
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

/** The body with `model` as its first member; every other byte is kept. For a JSON object without that member. */
export function insertModel(bytes: Uint8Array, model: string): Uint8Array<ArrayBuffer> {
  const at = bytes.indexOf(OPEN_BRACE) + 1;
  // White space is all that may stand between the braces of an empty object.
  const isEmpty = bytes[at + bytes.subarray(at).findIndex((byte) => byte > 0x20)] === CLOSE_BRACE;
  const member = encoder.encode(`"model":${JSON.stringify(model)}${isEmpty ? '' : ','}`);
  const whole = new Uint8Array(bytes.length + member.length);
  whole.set(bytes.subarray(0, at));
  whole.set(member, at);
  whole.set(bytes.subarray(at), at + member.length);
  return whole;
}
