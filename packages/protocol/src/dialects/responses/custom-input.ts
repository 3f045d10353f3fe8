import { isJsonObject } from '../../json/json-object.ts';

/** How the arguments of a custom tool begin. White space may be before each of its four tokens. */
const HEAD = '{"input":"';
const TOKENS_AT: ReadonlySet<number> = new Set([0, 1, 8, 9]);

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['b', '\b'],
  ['f', '\f'],
]);

const isSpace = (character: string): boolean => /\s/.test(character);

/** The text of an escape sequence without its backslash; undefined while it is not whole. */
function readEscape(sequence: string): string | undefined {
  if (!sequence.startsWith('u')) return ESCAPES.get(sequence) ?? sequence;
  if (sequence.length < 5) return undefined;
  const code = Number.parseInt(sequence.slice(1), 16);
  return Number.isNaN(code) ? '' : String.fromCharCode(code);
}

/** The input in arguments of another form: the model did not follow the schema. */
function inputIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'string') return value;
    if (!isJsonObject(value)) return text;
    if (typeof value['input'] === 'string') return value['input'];
    const [only, ...others] = Object.values(value);
    if (only === undefined) return '';
    return typeof only === 'string' && others.length === 0 ? only : text;
  } catch {
    return text;
  }
}

/**
 * The input of a custom tool, read from the arguments of a function, `{"input": "…"}`, while they come.
 *
 * Arguments of another form are kept until they end.
 */
export class CustomInput {
  #state: 'head' | 'text' | 'escape' | 'closed' | 'other' = 'head';
  #headAt = 0;
  #escape = '';
  /** Arguments so far, unless they have the expected form. */
  #kept = '';
  /** The first half of a character that has two, which is not sent alone: it is not valid Unicode. */
  #half = '';

  /** What `text`, the next part of the arguments, adds to the input. */
  push(text: string): string {
    if (this.#state === 'head' || this.#state === 'other') this.#kept += text;
    let input = this.#half;
    for (const character of text.split('')) input += this.#read(character);
    const last = input.charCodeAt(input.length - 1);
    const isHalf = last >= 0xd8_00 && last <= 0xdb_ff;
    this.#half = isHalf ? input.slice(-1) : '';
    return isHalf ? input.slice(0, -1) : input;
  }

  /** The rest of the input, after the last part. */
  end(): string {
    return this.#state === 'other' ? inputIn(this.#kept) : '';
  }

  #read(character: string): string {
    switch (this.#state) {
      case 'head':
        this.#readHead(character);
        return '';
      case 'text':
        if (character === '\\') this.#state = 'escape';
        else if (character === '"') this.#state = 'closed';
        else return character;
        return '';
      case 'escape': {
        const text = readEscape((this.#escape += character));
        if (text === undefined) return '';
        this.#escape = '';
        this.#state = 'text';
        return text;
      }
      case 'closed':
      case 'other':
        return '';
    }
  }

  #readHead(character: string): void {
    if (isSpace(character) && TOKENS_AT.has(this.#headAt)) return;
    if (character !== HEAD[this.#headAt]) {
      this.#state = 'other';
      return;
    }
    this.#headAt += 1;
    if (this.#headAt === HEAD.length) {
      this.#state = 'text';
      this.#kept = '';
    }
  }
}
