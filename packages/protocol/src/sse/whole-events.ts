import { CortexError } from '../errors.ts';
import { USAGE_COMMENT } from '../neuron.ts';

import { LineEnds } from './line-ends.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

/** Longest incomplete event that is held until its end arrives (behaviour 2). */
const MAX_UNFINISHED_BYTES = 1 << 20;

const DATA_FIELD = new TextEncoder().encode('data:');
const USAGE_PREFIX = new TextEncoder().encode(USAGE_COMMENT);
const DONE = new TextEncoder().encode('[DONE]');

const decoder = new TextDecoder();

function hasPrefix(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let index = 0; index < prefix.length; index += 1) {
    if (bytes[at + index] !== prefix[index]) return false;
  }
  return true;
}

const isLineEnd = (byte: number | undefined): boolean =>
  byte === LINE_FEED || byte === CARRIAGE_RETURN;

function concat(pieces: readonly Uint8Array[]): Uint8Array | undefined {
  const [only] = pieces;
  if (pieces.length <= 1) return only;
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Adds `bytes[from, end)` to `passed`, without a copy when that is all of `bytes`. */
function addRange(
  passed: Uint8Array[],
  bytes: Uint8Array,
  { from, end }: { readonly from: number; readonly end: number },
): void {
  if (end <= from) return;
  passed.push(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
}

/**
 * Cuts the network chunks of an event stream into whole events and whole comment lines (behaviour 2). Other text
 * can be sent between two results.
 *
 * Events pass unchanged. Three things are dropped, because clients fail on them or must not see them: the usage
 * comment of a node, a blank line that follows only comments, and a block without data, which some decoders read as
 * an event with empty data. Line ends are LF, CRLF or CR; a CR that ends a line alone is passed as LF.
 */
export class WholeEvents {
  /** Events passed so far, without `[DONE]`. */
  eventCount = 0;
  /** `data: [DONE]` was the last event. */
  isDone = false;
  /** JSON text of the last usage comment; undefined until there is one. */
  usageText: string | undefined;
  #lastData: Uint8Array | undefined;
  /** Lines of an incomplete event. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** An incomplete line. */
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  /** The current event has a line with data. */
  #hasData = false;
  #isDoneLine = false;
  readonly #lineEnds = new LineEnds();
  readonly #sender: string;

  /** @param sender - Who sends the stream, as the first words of an error: `Node beast`. */
  constructor(sender = 'The node') {
    this.#sender = sender;
  }

  /** The incomplete event at the end is `data: [DONE]` without the blank line after it. */
  get isDoneCut(): boolean {
    const rest = concat([...this.#held, ...this.#partial]);
    return rest !== undefined && /^data: ?\[DONE\]\r?\n?$/.test(decoder.decode(rest));
  }

  /** Text of the last `data:` line before `[DONE]`; undefined until there is one. */
  get lastData(): string | undefined {
    return this.#lastData === undefined ? undefined : decoder.decode(this.#lastData);
  }

  /**
   * The events and comments that `chunk` completes, or undefined. A chunk of whole events is returned without a
   * copy.
   *
   * @throws CortexError `node_protocol_error` when an incomplete event grows beyond 1 MiB
   */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = this.#lineEnds.push(chunk);
    if (this.#partial.length === 0) return this.#endPush(this.#scan(bytes));
    const lineEnd = bytes.indexOf(LINE_FEED) + 1;
    this.#addPartial(lineEnd === 0 ? bytes : bytes.subarray(0, lineEnd));
    if (lineEnd === 0) return this.#endPush([]);
    const line = concat(this.#partial) ?? bytes;
    this.#partial = [];
    this.#partialBytes = 0;
    const first = this.#scan(line);
    return this.#endPush([...first, ...this.#scan(bytes.subarray(lineEnd))]);
  }

  #endPush(passed: readonly Uint8Array[]): Uint8Array | undefined {
    if (this.#heldBytes + this.#partialBytes > MAX_UNFINISHED_BYTES) {
      throw new CortexError(
        'node_protocol_error',
        `${this.#sender} sent an event of more than ${MAX_UNFINISHED_BYTES} bytes without its end.`,
      );
    }
    return concat(passed);
  }

  /** Reads whole lines; holds an incomplete line at the end of `bytes`. */
  #scan(bytes: Uint8Array): readonly Uint8Array[] {
    const passed: Uint8Array[] = [];
    /** Start of the bytes that are not yet passed, held or dropped. */
    let from = 0;
    /** Where the current event begins or continues in `bytes`; -1 between two events. */
    let eventAt = this.#held.length > 0 ? 0 : -1;
    let at = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, at)) {
      const next = end + 1;
      const first = bytes[at];
      const isBlank = end === at || (first === CARRIAGE_RETURN && end === at + 1);
      if (isBlank && this.#hasData) {
        this.#countEvent();
        if (this.#held.length > 0) passed.push(...this.#takeHeld());
        eventAt = -1;
      } else if (isBlank) {
        this.#takeHeld();
        addRange(passed, bytes, { from, end: eventAt === -1 ? at : eventAt });
        from = next;
        eventAt = -1;
      } else if (first === COLON) {
        if (hasPrefix(bytes, at, USAGE_PREFIX)) {
          this.usageText = decoder.decode(bytes.subarray(at + USAGE_PREFIX.length, end)).trimEnd();
          addRange(passed, bytes, { from, end: eventAt === -1 ? at : eventAt });
          if (eventAt !== -1) this.#hold(bytes.subarray(eventAt, at));
          from = next;
          if (eventAt !== -1) eventAt = next;
        }
      } else {
        if (eventAt === -1) eventAt = at;
        if (hasPrefix(bytes, at, DATA_FIELD)) this.#readData(bytes, at + DATA_FIELD.length, end);
      }
      at = next;
    }
    addRange(passed, bytes, { from, end: eventAt === -1 ? at : eventAt });
    if (eventAt !== -1) this.#hold(bytes.subarray(eventAt, at));
    if (at < bytes.length) this.#addPartial(bytes.subarray(at));
    return passed;
  }

  #readData(bytes: Uint8Array, valueAt: number, lineEnd: number): void {
    const start = bytes[valueAt] === SPACE ? valueAt + 1 : valueAt;
    if (isLineEnd(bytes[start])) return;
    this.#hasData = true;
    this.#isDoneLine = hasPrefix(bytes, start, DONE) && isLineEnd(bytes[start + DONE.length]);
    if (!this.#isDoneLine) this.#lastData = bytes.subarray(start, lineEnd);
  }

  #countEvent(): void {
    this.isDone = this.#isDoneLine;
    if (!this.#isDoneLine) this.eventCount += 1;
    this.#hasData = false;
  }

  #hold(lines: Uint8Array): void {
    if (lines.length === 0) return;
    this.#held.push(lines);
    this.#heldBytes += lines.length;
  }

  #takeHeld(): readonly Uint8Array[] {
    const held = this.#held;
    if (held.length === 0) return held;
    this.#held = [];
    this.#heldBytes = 0;
    return held;
  }

  #addPartial(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#partial.push(bytes);
    this.#partialBytes += bytes.length;
  }
}
