/** Streams JSON arguments, and repairs invalid JSON. */
import { AnswerText, type Script } from './answer-text.ts';
import { readJsonString } from './json-string.ts';
import { MemberTypes } from './member-types.ts';
import { parseJson } from './script-steps.ts';

/** What is expected next. */
type Place =
  /** A key in an object, a value in a list, or the end of either. */
  | 'element'
  | 'colon'
  | 'value'
  /** A comma or the end. */
  | 'behind';

/** Characters that start neither a key nor the end of an object. */
const NO_KEY = /^[<[{`|:=]$/;

/** Constants of Python and JavaScript, and their JSON forms. */
const CONSTANTS: Readonly<Record<string, string>> = {
  True: 'true',
  False: 'false',
  None: 'null',
  undefined: 'null',
};

/**
 * Emits the JSON object whose first brace is held, as arguments. False: the answer ends within the object.
 *
 * Valid JSON passes through unchanged. Raw line breaks and quotes within strings are escaped, bare words become
 * strings, or numbers where the schema of the called tool allows no string, and open brackets are closed where other text
 * starts.
 */
export function* streamObject(text: AnswerText): Script<boolean> {
  const types = new MemberTypes(text.calledTool?.parameters);
  return yield* readObject(text, { types, depth: 1 });
}

/** The types of the members of objects at a depth; those of the outermost object have depth 1. */
interface TypesAt {
  readonly types: MemberTypes;
  readonly depth: number;
}

function* readObject(text: AnswerText, typesAt: TypesAt | undefined): Script<boolean> {
  const object = new ObjectReader(text, typesAt);
  do {
    const outcome = yield* object.step();
    if (outcome !== 'open') return outcome === 'whole';
  } while (yield* text.more());
  object.end();
  return false;
}

class ObjectReader {
  readonly #text: AnswerText;
  readonly #typesAt: TypesAt | undefined;
  /** Open brackets. */
  readonly #closers: string[] = [];
  #place: Place = 'value';
  /** A comma and the white space after it, held until an element follows. */
  #gap = '';
  /** The last key, in JSON, without its quotes. */
  #key = '';

  constructor(text: AnswerText, typesAt: TypesAt | undefined) {
    this.#text = text;
    this.#typesAt = typesAt;
  }

  /** Reads the token that starts with the held character. */
  *step(): Script<'open' | 'whole' | 'cut'> {
    const char = this.#text.held;
    if (char.trim() === '') this.#space(this.#text.take());
    else if (char === '}' || char === ']') return this.#close(char);
    else if (char === ',') this.#comma();
    else if (this.#place === 'colon') this.#colon(char);
    else if (this.#place === 'behind') return this.#behind(char);
    else if (this.#isKey && NO_KEY.test(char)) return this.#end();
    else if (!(yield* this.#element(char))) return 'cut';
    return 'open';
  }

  /** The answer ends between two values or before a missing value. */
  end(): void {
    const isMissing = this.#place === 'colon' || this.#place === 'value';
    this.#text.endCall(this.#missing() + this.#rest(), isMissing ? 'in a value' : 'between values');
  }

  #space(space: string): void {
    const json = /^[ \t\r\n]$/.test(space) ? space : ' ';
    if (this.#gap === '') this.#text.callArguments(json);
    else this.#gap += json;
  }

  #comma(): void {
    this.#text.take();
    this.#text.callArguments(this.#missing());
    if (this.#place === 'element') return;
    this.#place = 'element';
    this.#gap = ',';
  }

  #colon(char: string): void {
    this.#text.callArguments(char === ':' || char === '=' ? ':' : ': ');
    this.#place = 'value';
    if (char === ':' || char === '=') this.#text.take();
    else this.#text.reread();
  }

  #close(char: string): 'open' | 'whole' {
    const level = this.#closers.lastIndexOf(char);
    this.#text.take();
    // No open bracket matches it.
    if (level < 0) return 'open';
    this.#text.callArguments(this.#missing() + this.#gap.slice(1));
    this.#gap = '';
    for (const closer of this.#closers.splice(level).toReversed()) this.#text.callArguments(closer);
    this.#place = 'behind';
    return this.#closers.length === 0 ? 'whole' : 'open';
  }

  /** Neither a comma nor a closing bracket: an element with a missing comma, or other text. */
  #behind(char: string): 'open' | 'whole' {
    if (!/^[\p{L}\p{N}"'_]$/u.test(char)) return this.#end();
    this.#text.reread();
    this.#place = 'element';
    this.#gap = ', ';
    return 'open';
  }

  /** Other text starts with the held character: closes every open bracket. */
  #end(): 'whole' {
    this.#text.reread();
    this.#text.callArguments(this.#rest());
    return 'whole';
  }

  get #isKey(): boolean {
    return this.#place === 'element' && this.#closers.at(-1) === '}';
  }

  *#element(char: string): Script<boolean> {
    const isKey = this.#isKey;
    this.#text.callArguments(this.#gap);
    this.#gap = '';
    if (char === '"' || char === "'") {
      this.#place = isKey ? 'colon' : 'behind';
      if (isKey) this.#key = '';
      const settle = (piece: string): void => {
        if (isKey) this.#key += piece;
        this.#text.callArguments(piece);
      };
      if (yield* readJsonString(this.#text, { isKey, closers: this.#closers, settle })) return true;
      this.#text.endCall(`"${this.#missing()}${this.#rest()}`, 'in a value');
      return false;
    }
    if (!isKey && (char === '{' || char === '[')) {
      this.#text.callArguments(this.#text.take());
      this.#closers.push(char === '{' ? '}' : ']');
      this.#place = 'element';
      return true;
    }
    return yield* this.#bare(isKey);
  }

  /** A key or value without quotes. The character that ends it stays unread. */
  *#bare(isKey: boolean): Script<boolean> {
    const ends = isKey ? /[:=,{}[\]<"\n]$/ : /[,}\]<"\n]$/;
    let isEnded = false;
    // The first character is always part of the word.
    while (!isEnded && (yield* this.#text.more())) isEnded = ends.test(this.#text.held);
    const length = isEnded ? this.#text.held.length - 1 : this.#text.held.length;
    const word = this.#text.take(length);
    const value = word.trim();
    const json = isKey ? JSON.stringify(value) : this.#jsonOf(value);
    if (isKey) this.#key = json.slice(1, -1);
    this.#place = isKey ? 'colon' : 'behind';
    if (!isEnded) {
      this.#text.callArguments(this.#text.isCutOff ? word : json);
      this.end();
      return false;
    }
    this.#text.callArguments(json + word.slice(word.trimEnd().length));
    this.#text.reread();
    return true;
  }

  #jsonOf(value: string): string {
    const json = CONSTANTS[value] ?? value;
    if (parseJson(json) !== undefined) return json;
    return this.#numberOf(value) ?? JSON.stringify(value);
  }

  /** The value of a typed member as a number, if it is one in another notation. */
  #numberOf(value: string): string | undefined {
    if (this.#typesAt?.depth !== this.#closers.length || this.#closers.at(-1) !== '}')
      return undefined;
    const key = parseJson(`"${this.#key}"`);
    return typeof key === 'string' ? this.#typesAt.types.number(key, value) : undefined;
  }

  /** JSON for a missing value. */
  #missing(): string {
    if (this.#place === 'colon') return ': null';
    return this.#place === 'value' ? 'null' : '';
  }

  #rest(): string {
    return this.#closers.toReversed().join('');
  }
}

/**
 * Repairs the JSON object at the start of `json`, which starts with a brace.
 *
 * @param typesAt - The types of the arguments in it; absent: unknown.
 */
export const repairedObject = (json: string, typesAt?: TypesAt): string =>
  repair(json, typesAt).repaired;

/** Repairs a JSON object or list. Undefined: `json` does not end, or other text follows. */
export function repairedValue(json: string): string | undefined {
  const { repaired, isWhole } = repair(json);
  return isWhole ? repaired : undefined;
}

function repair(
  json: string,
  typesAt?: TypesAt,
): { readonly repaired: string; readonly isWhole: boolean } {
  const text = new AnswerText({ newCallId: () => '' });
  text.beginCall('');
  text.feed(json);
  text.end('finished');
  let isWhole = false;
  const run = (function* (): Script<void> {
    yield* text.more();
    isWhole = (yield* readObject(text, typesAt)) && !(yield* text.more());
  })();
  run.next();
  const pieces = text.takeDeltas().map((delta) => ('tool' in delta ? delta.tool.arguments : ''));
  return { repaired: pieces.join(''), isWhole };
}
