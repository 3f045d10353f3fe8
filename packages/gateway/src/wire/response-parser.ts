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
    let rest: Uint8Array<ArrayBuffer> | undefined = bytes;
    while (rest !== undefined && rest.length > 0) rest = this.#step(rest);
  }

  /** Ends the parser when the connection was closed. @throws WireError when an answer is incomplete */
  close(): void {
    if (this.#state === 'until_close') return this.#end('spent');
    if (this.#state !== 'done' && !this.isIdle) throw new WireError('the answer was cut off');
    return undefined;
  }

  /** Reads a part of `bytes` and returns the rest, if any. */
  #step(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes);
      case 'length':
        return this.#readSized(bytes, () => this.#end(this.#afterBody()));
      case 'chunk':
        return this.#readSized(bytes, () => {
          this.#state = 'chunk_end';
        });
      case 'until_close':
        this.#listener.body(bytes);
        return undefined;
      case 'chunk_size':
        return this.#line === '' ? this.#readSize(bytes) : this.#readSizeLine(bytes);
      case 'chunk_end':
        return this.#readLine(bytes, (line) => {
          if (line !== '') throw new WireError('a chunk is longer than its size');
          this.#state = 'chunk_size';
        });
      case 'trailer':
        return this.#readLine(bytes, (line) => {
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

  #readHead(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
    const before = this.#head;
    before.push(bytes);
    const joined = before.length === 1 ? bytes : new Uint8Array(Buffer.concat(before));
    // Sockets return Buffers. Creating one here would cost as much as the search.
    const buffer =
      joined instanceof Buffer
        ? joined
        : Buffer.from(joined.buffer, joined.byteOffset, joined.length);
    const end = buffer.indexOf('\r\n\r\n');
    if (end === -1) {
      if (joined.length > MAX_HEAD_BYTES) throw new WireError('the head is too long');
      const lineEnd = buffer.indexOf(LINE_FEED);
      // The end of such a head would never be found.
      if (lineEnd !== -1 && buffer[lineEnd - 1] !== CARRIAGE_RETURN)
        throw new WireError('a line of its head ends without CR');
      this.#head = [joined];
      return undefined;
    }
    this.#head = [];
    this.#begin(parseHead(buffer.toString('latin1', 0, end)));
    return end + 4 < joined.length ? joined.subarray(end + 4) : undefined;
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

  #readSized(
    bytes: Uint8Array<ArrayBuffer>,
    onEnd: () => void,
  ): Uint8Array<ArrayBuffer> | undefined {
    const taken = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
    this.#left -= taken.length;
    this.#listener.body(taken);
    if (this.#left === 0) onEnd();
    return taken.length < bytes.length ? bytes.subarray(taken.length) : undefined;
  }

  #readLine(
    bytes: Uint8Array<ArrayBuffer>,
    onLine: (line: string) => void,
  ): Uint8Array<ArrayBuffer> | undefined {
    let end = 0;
    // Lines between chunks are a few bytes long: a loop is quicker than a native search.
    while (end < bytes.length && bytes[end] !== LINE_FEED) end += 1;
    for (let at = 0; at < end; at += 1) this.#line += String.fromCharCode(bytes[at] ?? 0);
    if (this.#line.length > MAX_CHUNK_LINE_BYTES) throw new WireError('a chunk line is too long');
    if (end === bytes.length) return undefined;
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    onLine(line);
    return end + 1 < bytes.length ? bytes.subarray(end + 1) : undefined;
  }

  /** Reads a chunk size that is complete at the start of `bytes`, the usual case; anything else is read as a line. */
  #readSize(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
    let size = 0;
    let at = 0;
    for (; at < MAX_SIZE_DIGITS; at += 1) {
      const digit = hexDigit(bytes[at]);
      if (digit === -1) break;
      size = size * 16 + digit;
    }
    const isWhole =
      at > 0 &&
      bytes[at] === CARRIAGE_RETURN &&
      bytes[at + 1] === LINE_FEED &&
      at + 2 < bytes.length;
    if (!isWhole) return this.#readSizeLine(bytes);
    this.#startChunk(size);
    return bytes.subarray(at + 2);
  }

  #readSizeLine(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
    return this.#readLine(bytes, (line) => this.#beginChunk(line));
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
