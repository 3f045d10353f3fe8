/** A text, which is split into tokens of a few bytes, or a list of tokens. */
export type Script = string | readonly (string | Uint8Array)[];

interface ChainToken {
  /** In the spelling of a byte-level vocabulary. */
  readonly spelling: string;
  readonly isControl: boolean;
}

/** A byte-level vocabulary, and the successor of each token of a script. */
export class TokenChain {
  readonly tokens: ChainToken[] = [];
  readonly next = new Map<number, number>();
  readonly end: number;
  readonly #ids = new Map<string, number>();
  /** Spellings of the tokens in the scripts. A token occurs once in all scripts, so it has one successor. */
  readonly #used = new Set<string>();
  readonly #control: RegExp;

  constructor({ end, controls }: { readonly end: string; readonly controls: readonly string[] }) {
    for (let byte = 0; byte < 256; byte++) this.#id(spell(Uint8Array.of(byte)), 'ordinary');
    this.end = this.#id(end, 'control');
    for (const control of controls) this.#id(control, 'control');
    const longestFirst = controls.toSorted((a, b) => b.length - a.length);
    this.#control = new RegExp(`(${longestFirst.map(escaped).join('|')})`);
  }

  /**
   * Chains the control token `start`, the tokens of `script`, and the end token. The first occurrence of the text
   * of a control token in all scripts becomes that token; later ones become ordinary tokens.
   *
   * @throws RangeError when a listed token already occurs in a script
   */
  add(start: string, script: Script): void {
    let before = this.#id(start, 'control');
    const tokens = typeof script === 'string' ? this.#tokensOf(script) : script.map(this.#token);
    for (const token of [...tokens, this.end]) {
      this.next.set(before, token);
      before = token;
    }
  }

  #tokensOf(script: string): number[] {
    const parts = this.#hasControls ? script.split(this.#control) : [script];
    return parts.flatMap((part) =>
      this.#isFreeControl(part) ? this.#token(part) : this.#cut(Buffer.from(part)),
    );
  }

  get #hasControls(): boolean {
    return this.#control.source !== '()';
  }

  #isFreeControl(text: string): boolean {
    const id = this.#ids.get(text);
    return id !== undefined && this.tokens[id]?.isControl === true && !this.#used.has(text);
  }

  readonly #token = (piece: string | Uint8Array): number => {
    if (typeof piece === 'string' && this.#isFreeControl(piece)) {
      this.#used.add(piece);
      return this.#id(piece, 'control');
    }
    const spelling = spell(Buffer.from(piece));
    if (this.#used.has(spelling))
      throw new RangeError(`"${String(piece)}" occurs twice in the scripts`);
    this.#used.add(spelling);
    return this.#id(spelling, 'ordinary');
  };

  #cut(bytes: Buffer): number[] {
    const pieces: Buffer[] = [];
    for (let rest = bytes; rest.length > 0;) {
      let length = Math.min(2, rest.length);
      while (length < rest.length && this.#isUsed(rest.subarray(0, length))) length++;
      const piece = rest.subarray(0, length);
      // If the rest is a used token, the token before it is extended.
      const last = this.#isUsed(piece) ? pieces.pop() : undefined;
      pieces.push(last === undefined ? piece : Buffer.concat([last, piece]));
      this.#used.add(spell(piece));
      rest = rest.subarray(length);
    }
    for (const piece of pieces) this.#used.delete(spell(piece));
    return pieces.map(this.#token);
  }

  #isUsed(bytes: Uint8Array): boolean {
    return this.#used.has(spell(bytes));
  }

  #id(spelling: string, kind: 'control' | 'ordinary'): number {
    const known = this.#ids.get(spelling);
    if (known !== undefined) return known;
    const id = this.tokens.push({ spelling, isControl: kind === 'control' }) - 1;
    this.#ids.set(spelling, id);
    return id;
  }
}

/** Printable bytes map to themselves, the others to the characters from U+0100 (GPT-2's `bytes_to_unicode`). */
const SPELLINGS = byteSpellings();

const spell = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => SPELLINGS[byte] ?? '').join('');

function byteSpellings(): readonly string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
    return String.fromCodePoint(isPrintable ? byte : next++);
  });
}

/** `text` as a part of a regular expression. */
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
