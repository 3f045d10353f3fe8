import { CortexError } from '@cortex/protocol';

/** The most characters of GBNF per request. A larger grammar takes seconds to compile and does not help a model. */
const MAX_GRAMMAR_CHARS = 256 * 1024;

/** The most steps for all automata of one grammar: about 0.3 s, which delays all requests. */
const MAX_STEPS = 150_000;

/** The most steps for all schemas of one grammar, one per tool: about 0.5 s. */
const MAX_READING = 600_000;

/** Builds the rules of one grammar. Equal bodies share a name, so repeated subschemas cost nothing. */
export class GrammarRules {
  readonly #bodies = new Map<string, string>();
  readonly #names = new Map<string, string>();
  /** Number of names made from each hint. */
  readonly #counts = new Map<string, number>();
  readonly #shared = new Map<string, string | undefined>();
  #chars = 0;
  #steps = 0;
  #reading = 0;

  /** The name of the rule with this body, new or existing. `hint` makes the grammar readable. */
  add(hint: string, body: string): string {
    const known = this.#names.get(body);
    if (known !== undefined) return known;
    const name = this.reserve(hint);
    this.define(name, body);
    this.#names.set(body, name);
    return name;
  }

  /** The result of `make`, cached by `key`: for recursive rules, whose bodies cannot be compared. */
  shared(key: string, make: () => string | undefined): string | undefined {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key);
  }

  /** Counts work that creates no rules. @throws CortexError `invalid_request` above the limit per grammar. */
  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw tooLarge('its patterns take too long to convert');
  }

  /** Counts the reading of schemas. @throws CortexError `invalid_request` above the limit per grammar. */
  spendReading(steps: number): void {
    this.#reading += steps;
    if (this.#reading > MAX_READING) throw tooLarge('its schemas take too long to convert');
  }

  /** Reserves a name before its body is known, for recursion. */
  reserve(hint: string): string {
    const base = hint.slice(0, 40).replaceAll(/[^a-zA-Z0-9]+/g, '-') || 'rule';
    let count = this.#counts.get(base) ?? 0;
    let name: string;
    do {
      count++;
      name = count === 1 ? base : `${base}-${count}`;
    } while (this.#bodies.has(name));
    this.#counts.set(base, count);
    this.#bodies.set(name, '');
    return name;
  }

  /** @throws CortexError `invalid_request` when the grammar exceeds its size limit. */
  define(name: string, body: string): void {
    this.#bodies.set(name, body);
    this.#chars += name.length + body.length + 6;
    if (this.#chars > MAX_GRAMMAR_CHARS)
      throw tooLarge(`its grammar exceeds ${MAX_GRAMMAR_CHARS / 1024} KiB`);
  }

  /** The GBNF text; `root` is the start rule. */
  format(root: string): string {
    const lines = [...this.#bodies].map(([name, body]) => `${name} ::= ${body}`);
    return [`root ::= ${root}`, ...lines].join('\n') + '\n';
  }
}

const tooLarge = (why: string): CortexError =>
  new CortexError(
    'invalid_request',
    `The JSON schema is too large to enforce: ${why}. Reduce enums, lengths, patterns or nesting.`,
    { param: 'response_format' },
  );

const GBNF_ESCAPES: Readonly<Record<string, string>> = {
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '"': String.raw`\"`,
  '\\': String.raw`\\`,
};

/** A GBNF literal that matches exactly `text`. */
export function literal(text: string): string {
  let out = '"';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    out += GBNF_ESCAPES[char] ?? (code < 0x20 || code === 0x7f ? hexEscape(code) : char);
  }
  return `${out}"`;
}

/** A code point inside a GBNF character class. */
export function classChar(code: number): string {
  const char = String.fromCodePoint(code);
  if (char === ']' || char === '[' || char === '\\' || char === '^' || char === '-')
    return hexEscape(code);
  return GBNF_ESCAPES[char] ?? (code < 0x20 || code === 0x7f ? hexEscape(code) : char);
}

function hexEscape(code: number): string {
  return `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`;
}

export const sequence = (...parts: readonly string[]): string =>
  parts.filter((part) => part !== '').join(' ');

export const choice = (options: readonly string[]): string =>
  options.length === 1 ? (options[0] ?? '') : `( ${options.join(' | ')} )`;

/** The most repetitions that llama.cpp expands; longer ones are built from chunks of this size. */
const CHUNK = 64;

/**
 * `item` between `min` and `max` times (`max` undefined: no limit).
 *
 * Large bounds become chunks of 64, so that the compiled grammar stays small and the parser follows two states instead
 * of one per possible length.
 */
export function repeat(
  rules: GrammarRules,
  item: string,
  bounds: { readonly min: number; readonly max?: number },
): string {
  const { min, max } = bounds;
  const name = /^[\w-]+$/.test(item) ? item : rules.add('item', item);
  if (max === undefined) {
    return min === 0 ? `${name}*` : sequence(exactly(rules, name, min), `${name}*`);
  }
  if (max === 0) return '""';
  return sequence(exactly(rules, name, min), atMost(rules, name, max - min)) || '""';
}

function exactly(rules: GrammarRules, name: string, count: number): string {
  if (count === 0) return '';
  if (count <= CHUNK) return `${name}{${count}}`;
  const chunk = rules.add(`${name}-${CHUNK}`, `${name}{${CHUNK}}`);
  return sequence(
    exactly(rules, chunk, Math.floor(count / CHUNK)),
    exactly(rules, name, count % CHUNK),
  );
}

function atMost(rules: GrammarRules, name: string, count: number): string {
  if (count === 0) return '';
  if (count <= CHUNK) return `${name}{0,${count}}`;
  const chunk = rules.add(`${name}-${CHUNK}`, `${name}{${CHUNK}}`);
  const chunks = Math.floor((count - (CHUNK - 1)) / CHUNK);
  return sequence(atMost(rules, chunk, chunks), `${name}{0,${count - chunks * CHUNK}}`);
}
