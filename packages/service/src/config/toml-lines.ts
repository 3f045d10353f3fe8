import { formatKeyPath, type KeyPath } from './key-path.ts';

/** Dotted key → line, from 1, of every key, table and array element of a TOML text. */
export type TomlLines = ReadonlyMap<string, number>;

/**
 * Finds the line of every key of a text that has already parsed as TOML 1.0.
 *
 * The parser reports no positions, so this scans the text again. It assumes valid TOML and skips over values.
 */
class LineReader {
  readonly lines = new Map<string, number>();
  readonly #text: string;
  readonly #arrayLengths = new Map<string, number>();
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  read(): void {
    let table: KeyPath = [];
    for (;;) {
      this.#skipSpace();
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === '[') table = this.#readHeader();
      else this.#readMember(table);
    }
  }

  #readHeader(): KeyPath {
    const line = this.#line;
    const isArray = this.#text.startsWith('[[', this.#at);
    this.#at += isArray ? 2 : 1;
    const keys = this.#readKeys();
    this.#skipSpace();
    this.#at += isArray ? 2 : 1;
    const path = this.#inLastElements(isArray ? keys.slice(0, -1) : keys, []);
    const last = keys.at(-1);
    if (!isArray || last === undefined) {
      this.#note(path, line);
      return path;
    }
    const array = [...path, last];
    const name = formatKeyPath(array);
    const index = this.#arrayLengths.get(name) ?? 0;
    this.#arrayLengths.set(name, index + 1);
    this.#note(array, line);
    this.#note([...array, index], line);
    return [...array, index];
  }

  /** `keys` below `base`; a key that names an array of tables refers to its last element. */
  #inLastElements(keys: readonly string[], base: KeyPath): KeyPath {
    let path = base;
    for (const key of keys) {
      path = [...path, key];
      const length = this.#arrayLengths.get(formatKeyPath(path));
      if (length !== undefined) path = [...path, length - 1];
    }
    return path;
  }

  #readMember(table: KeyPath): void {
    const line = this.#line;
    const keys = this.#readKeys();
    this.#skipSpace();
    this.#at += 1; // "="
    this.#skipSpace();
    const path = [...table, ...keys];
    for (let length = table.length + 1; length <= path.length; length += 1)
      this.#note(path.slice(0, length), line);
    this.#skipValue(path);
  }

  #readKeys(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#skipSpace();
      keys.push(this.#readKey());
      this.#skipSpace();
      if (this.#text[this.#at] !== '.') return keys;
      this.#at += 1;
    }
  }

  #readKey(): string {
    const quote = this.#text[this.#at];
    if (quote === '"' || quote === "'") {
      const start = this.#at;
      this.#skipString(quote);
      const raw = this.#text.slice(start, this.#at);
      return quote === '"' ? unescapeKey(raw) : raw.slice(1, -1);
    }
    const [key = ''] = /^[A-Za-z0-9_-]*/.exec(this.#text.slice(this.#at, this.#at + 512)) ?? [];
    // Always advance, also on an unexpected character.
    this.#at += Math.max(1, key.length);
    return key;
  }

  #skipValue(path: KeyPath): void {
    const first = this.#text[this.#at];
    if (first === '"' || first === "'") this.#skipString(first);
    else if (first === '[') this.#skipArray(path);
    else if (first === '{') this.#skipInlineTable(path);
    else
      while (this.#at < this.#text.length && !/[,\]}#\r\n]/.test(this.#text[this.#at] ?? ''))
        this.#at += 1;
  }

  #skipArray(path: KeyPath): void {
    this.#at += 1;
    for (let index = 0; ; index += 1) {
      this.#skipSpace();
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === ']') break;
      this.#note([...path, index], this.#line);
      this.#skipValue([...path, index]);
      this.#skipSpace();
      if (this.#text[this.#at] === ',') this.#at += 1;
    }
    this.#at += 1;
  }

  #skipInlineTable(path: KeyPath): void {
    this.#at += 1;
    for (;;) {
      this.#skipSpace();
      if (this.#at >= this.#text.length || this.#text[this.#at] === '}') break;
      this.#readMember(path);
      this.#skipSpace();
      if (this.#text[this.#at] === ',') this.#at += 1;
    }
    this.#at += 1;
  }

  #skipString(quote: string): void {
    const isLong = this.#text.startsWith(quote.repeat(3), this.#at);
    const end = quote.repeat(isLong ? 3 : 1);
    this.#at += end.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      if (quote === '"' && this.#text[this.#at] === '\\') this.#at += 1;
      if (this.#text[this.#at] === '\n') this.#line += 1;
      this.#at += 1;
    }
    this.#at += end.length;
    if (!isLong) return;
    // A multi-line string may end with one or two quotes that belong to it.
    while (this.#text[this.#at] === quote) this.#at += 1;
  }

  /** Skips white space, line ends and comments. */
  #skipSpace(): void {
    for (;;) {
      const char = this.#text[this.#at];
      if (char === '#') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end === -1 ? this.#text.length : end;
      } else if (char === '\n') {
        this.#line += 1;
        this.#at += 1;
      } else if (char === ' ' || char === '\t' || char === '\r' || char === '\uFEFF') {
        this.#at += 1;
      } else return;
    }
  }

  #note(path: KeyPath, line: number): void {
    const name = formatKeyPath(path);
    if (!this.lines.has(name)) this.lines.set(name, line);
  }
}

function unescapeKey(raw: string): string {
  try {
    return String(JSON.parse(raw));
  } catch {
    // TOML has two escapes that JSON lacks (`\e`, `\U0001F600`); such a key loses only its line number.
    return raw;
  }
}

/** The lines of all keys of `text`, which must be valid TOML. */
export function readTomlLines(text: string): TomlLines {
  const reader = new LineReader(text);
  reader.read();
  return reader.lines;
}
