const OPENING = new Set(['{', '[']);
const CLOSING = new Set(['}', ']']);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * JSON text that comes in parts. It is parsed only where it may be whole, outside of all brackets and strings, so that
 * asking after each part costs no more than the part.
 */
export class GrowingJson {
  #text = '';
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Undefined: not known for the text so far. */
  #isWhole: boolean | undefined = false;

  get text(): string {
    return this.#text;
  }

  /** Whether the text is JSON as it is. */
  get isWhole(): boolean {
    return (this.#isWhole ??= this.#depth === 0 && !this.#isInString && isJson(this.#text));
  }

  push(part: string): void {
    if (part === '') return;
    this.#text += part;
    // White space behind a value changes nothing.
    if (this.#isWhole !== true || /[^ \t\r\n]/.test(part)) this.#isWhole = undefined;
    for (const character of part) this.#read(character);
  }

  #read(character: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (character === '"') this.#isInString = !this.#isInString;
    else if (this.#isInString) this.#isEscaped = character === '\\';
    else if (OPENING.has(character)) this.#depth += 1;
    else if (CLOSING.has(character)) this.#depth -= 1;
  }
}
