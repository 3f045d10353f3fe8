import { asBuffer } from './as-buffer.ts';
import { isHeaderName, isHeaderValue } from './format-request.ts';
import { WireError } from './wire-error.ts';

/** Names are in lower case. Values of a repeated name are joined by ", ". The object has no prototype. */
export type WireHeaders = Readonly<Record<string, string>>;

export interface ResponseHead {
  readonly status: number;
  readonly headers: WireHeaders;
}

/** Receives the parts of an answer in order: one head, any number of body parts, one end. */
export interface ResponseListener {
  head(head: ResponseHead): void;
  /** A view of the bytes that were pushed. */
  body(bytes: Uint8Array<ArrayBuffer>): void;
  /** `reusable`: the connection can carry another request. */
  end(connection: 'reusable' | 'spent'): void;
}

const MAX_HEAD_BYTES = 64 << 10;
const MAX_CHUNK_LINE_BYTES = 256;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** No chunk is larger than 2^32 bytes. */
const MAX_SIZE_DIGITS = 8;

/** The value of a hexadecimal digit; -1 for any other byte. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const isLineEnd = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED;

type State =
  'head' | 'length' | 'until_close' | 'chunk_size' | 'chunk' | 'chunk_end' | 'trailer' | 'done';

const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: |\r|$)/;

/** Adds the header line `text[start, end)` to `headers`. */
function parseHeader(
  text: string,
  [start, end]: [number, number],
  headers: Record<string, string>,
) {
  const colon = text.indexOf(':', start);
  if (colon <= start || colon >= end) throw new WireError('a header line has no name');
  const name = text.slice(start, colon).toLowerCase();
  const value = text.slice(colon + 1, end).trim();
  if (!isHeaderName(name)) throw new WireError('the name of a header is not valid');
  if (!isHeaderValue(value)) throw new WireError(`the value of the header ${name} is not valid`);
  const before = headers[name];
  headers[name] = before === undefined ? value : `${before}, ${value}`;
}

function parseHead(text: string): ResponseHead & { readonly isHttp10: boolean } {
  const [, minor, status] = STATUS_LINE.exec(text) ?? [];
  if (status === undefined) throw new WireError('the status line is not valid HTTP/1.1');
  // No prototype, because a header may have the name of one of its members.
  const headers: Record<string, string> = Object.create(null);
  let lineEnd = text.indexOf('\r\n');
  while (lineEnd !== -1) {
    const start = lineEnd + 2;
    lineEnd = text.indexOf('\r\n', start);
    parseHeader(text, [start, lineEnd === -1 ? text.length : lineEnd], headers);
  }
  return { status: Number(status), headers, isHttp10: minor === '0' };
}

/**
 * Parses the answers of one HTTP/1.1 connection (RFC 9112).
 *
 * Body bytes are emitted as views and never joined, because a chunk of a stream usually arrives in one piece.
 */
export class ResponseParser {
  readonly #listener: ResponseListener;
  #state: State = 'head';
  #head: Uint8Array<ArrayBuffer>[] = [];
  #line = '';
  /** Remaining bytes of the body or of the chunk. */
  #left = 0;
  #isKeptAlive = true;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /** Whether no byte has arrived since the end of the last answer. */
  get isIdle(): boolean {
    return this.#state === 'head' && this.#head.length === 0;
  }

  /** Prepares for the next answer. */
  reset(): void {
    this.#state = 'head';
    this.#head = [];
  }

  /** @throws WireError when the bytes are not an answer */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    let at = 0;
    while (at < bytes.length) at = this.#step(bytes, at);
  }

  /** Ends the parser when the connection was closed. @throws WireError when an answer is incomplete */
  close(): void {
    if (this.#state === 'until_close') return this.#end('spent');
    if (this.#state !== 'done' && !this.isIdle) throw new WireError('the answer was cut off');
    return undefined;
  }

  /**
   * Reads a part of `bytes` from the position `at` and returns where the next begins. Positions and not views: every
   * chunk of every stream comes here, and a view costs as much as the rest.
   */
  #step(bytes: Uint8Array<ArrayBuffer>, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(at === 0 ? bytes : bytes.subarray(at), bytes.length);
      case 'length':
      case 'chunk':
        return this.#readSized(bytes, at);
      case 'until_close':
        this.#listener.body(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
      case 'chunk_size':
        return this.#line === '' ? this.#readSize(bytes, at) : this.#readSizeLine(bytes, at);
      case 'chunk_end':
        return this.#readChunkEnd(bytes, at);
      case 'trailer':
        return this.#readLine(bytes, at, (line) => {
          if (line === '') this.#end(this.#afterBody());
        });
      case 'done':
        throw new WireError('there are bytes after its end');
      default:
        return this.#state satisfies never;
    }
  }

  #afterBody(): 'reusable' | 'spent' {
    return this.#isKeptAlive ? 'reusable' : 'spent';
  }

  #end(connection: 'reusable' | 'spent'): void {
    this.#state = 'done';
    this.#listener.end(connection);
  }

  /** @param part - Of the head, up to `end`, the end of what was pushed. */
  #readHead(part: Uint8Array<ArrayBuffer>, end: number): number {
    const before = this.#head;
    before.push(part);
    const joined = before.length === 1 ? part : new Uint8Array(Buffer.concat(before));
    const buffer = asBuffer(joined);
    const headBytes = buffer.indexOf('\r\n\r\n');
    if (headBytes === -1) {
      if (joined.length > MAX_HEAD_BYTES) throw new WireError('the head is too long');
      const lineEnd = buffer.indexOf(LINE_FEED);
      // The end of such a head would never be found.
      if (lineEnd !== -1 && buffer[lineEnd - 1] !== CARRIAGE_RETURN)
        throw new WireError('a line of its head ends without CR');
      this.#head = [joined];
      return end;
    }
    this.#head = [];
    this.#begin(parseHead(buffer.toString('latin1', 0, headBytes)));
    return end - (joined.length - (headBytes + 4));
  }

  #begin({ status, headers, isHttp10 }: ResponseHead & { readonly isHttp10: boolean }): void {
    if (status === 101) throw new WireError('the node switched to another protocol');
    if (status < 100 || status > 599) throw new WireError(`the status ${status} is not valid`);
    // An interim answer (103, 100) is followed by the real one.
    if (status < 200) return;
    const connection = headers['connection']?.toLowerCase() ?? '';
    this.#isKeptAlive = isHttp10
      ? connection.includes('keep-alive')
      : !connection.includes('close');
    const length = headers['content-length'];
    const coding = headers['transfer-encoding']?.toLowerCase();
    if (coding !== undefined && coding !== 'chunked')
      throw new WireError(`the transfer coding ${coding} is unknown`);
    if (coding === undefined && length !== undefined && !/^\d{1,15}$/.test(length))
      throw new WireError('Content-Length is not a number');
    this.#left = Number(length ?? 0);
    if (coding !== undefined) this.#state = 'chunk_size';
    else if (status === 204 || status === 304) this.#left = 0;
    else if (length === undefined) this.#state = 'until_close';
    const hasNone = this.#state === 'head' && this.#left === 0;
    if (this.#state === 'head') this.#state = 'length';
    this.#line = '';
    this.#listener.head({ status, headers });
    if (hasNone) this.#end(this.#afterBody());
  }

  #readSized(bytes: Uint8Array<ArrayBuffer>, at: number): number {
    const end = Math.min(at + this.#left, bytes.length);
    this.#left -= end - at;
    this.#listener.body(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#left > 0) return end;
    if (this.#state === 'chunk') this.#state = 'chunk_end';
    else this.#end(this.#afterBody());
    return end;
  }

  #readLine(bytes: Uint8Array<ArrayBuffer>, at: number, onLine: (line: string) => void): number {
    let end = at;
    // Lines between chunks are a few bytes long: a loop is quicker than a native search.
    for (; end < bytes.length && bytes[end] !== LINE_FEED; end += 1)
      this.#line += String.fromCharCode(bytes[end] ?? 0);
    if (this.#line.length > MAX_CHUNK_LINE_BYTES) throw new WireError('a chunk line is too long');
    if (end === bytes.length) return end;
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    onLine(line);
    return end + 1;
  }

  /** Reads a chunk size that is complete, the usual case; anything else is read as a line. */
  #readSize(bytes: Uint8Array<ArrayBuffer>, start: number): number {
    let size = 0;
    let at = start;
    for (; at < start + MAX_SIZE_DIGITS; at += 1) {
      const digit = hexDigit(bytes[at]);
      if (digit === -1) break;
      size = size * 16 + digit;
    }
    if (at === start || !isLineEnd(bytes, at)) return this.#readSizeLine(bytes, start);
    this.#startChunk(size);
    return at + 2;
  }

  #readSizeLine(bytes: Uint8Array<ArrayBuffer>, at: number): number {
    return this.#readLine(bytes, at, (line) => this.#beginChunk(line));
  }

  #readChunkEnd(bytes: Uint8Array<ArrayBuffer>, at: number): number {
    if (this.#line === '' && isLineEnd(bytes, at)) {
      this.#state = 'chunk_size';
      return at + 2;
    }
    return this.#readLine(bytes, at, (line) => {
      if (line !== '') throw new WireError('a chunk is longer than its size');
      this.#state = 'chunk_size';
    });
  }

  #startChunk(chunkBytes: number): void {
    this.#left = chunkBytes;
    this.#state = chunkBytes === 0 ? 'trailer' : 'chunk';
  }

  #beginChunk(line: string): void {
    const [, size] = /^([0-9a-f]{1,12})\s*(?:;|$)/i.exec(line) ?? [];
    if (size === undefined) throw new WireError('a chunk has no size');
    this.#startChunk(Number.parseInt(size, 16));
  }
}
