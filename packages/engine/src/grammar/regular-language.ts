/**
 * Sets of texts as expressions with derivatives (Brzozowski, "Derivatives of Regular Expressions", 1964). They include
 * intersection and complement, so several patterns together form one language.
 */
import { intersect, MAX_CODE, normalise, type Range } from './code-ranges.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';

/** Expressions that the rewriting rules find equal have the same `id`. */
export interface Language {
  readonly id: number;
  /** Whether the empty text belongs to it. */
  readonly isNullable: boolean;
  readonly shape: Shape;
}

type Shape =
  | { readonly kind: 'set'; readonly ranges: readonly Range[] }
  | { readonly kind: 'empty' }
  | { readonly kind: 'sequence'; readonly first: Language; readonly rest: Language }
  | { readonly kind: 'either' | 'both'; readonly parts: readonly Language[] }
  | { readonly kind: 'not'; readonly of: Language }
  | {
      readonly kind: 'repeat';
      readonly of: Language;
      readonly min: number;
      readonly max: number;
    };

/** The most expressions for the rules of one string: about 50 ms. */
const MAX_LANGUAGES = 20_000;

/** Number of visited parts of an expression that count as one step. */
const PARTS_PER_STEP = 2;

/** Builds languages. Only languages of the same builder can be combined. */
export class Languages {
  /** Called with the number of steps. */
  readonly spend: (steps: number) => void;
  readonly #known = new Map<string, Language>();
  readonly #byId: Language[] = [];
  readonly #derivatives: Map<number, Language>[] = [];
  /** No text, the empty text, any text. */
  readonly none: Language;
  readonly empty: Language;
  readonly all: Language;

  /** @param spend - Called with the number of steps, so that the caller can limit them. */
  constructor(spend: (steps: number) => void) {
    this.spend = spend;
    this.none = this.set([]);
    this.empty = this.#make('e', { kind: 'empty' }, true);
    this.all = this.repeat(this.set([[0, MAX_CODE]]), 0, Infinity);
  }

  /** One character of `ranges`. */
  set(ranges: readonly Range[]): Language {
    this.spend(ranges.length / PARTS_PER_STEP);
    const sorted = normalise(ranges);
    return this.#make(`s${sorted.join(';')}`, { kind: 'set', ranges: sorted }, false);
  }

  /** Exactly `value`. */
  text(value: string): Language {
    return Array.from(value).reduceRight(
      (rest, char) => this.sequence(this.set([codeRange(char)]), rest),
      this.empty,
    );
  }

  /** The language with this `id`. */
  at(id: number): Language {
    return this.#byId[id] ?? this.none;
  }

  sequence(first: Language, rest: Language): Language {
    if (first === this.none || rest === this.none) return this.none;
    if (first === this.empty) return rest;
    if (rest === this.empty) return first;
    if (first.shape.kind === 'sequence')
      return this.sequence(first.shape.first, this.sequence(first.shape.rest, rest));
    const shape: Shape = { kind: 'sequence', first, rest };
    return this.#make(`c${first.id},${rest.id}`, shape, first.isNullable && rest.isNullable);
  }

  either(languages: readonly Language[]): Language {
    this.spend(languages.length / PARTS_PER_STEP);
    const parts = flat('either', languages).filter((part) => part !== this.none);
    if (parts.includes(this.all)) return this.all;
    const sets = parts.flatMap(({ shape }) => (shape.kind === 'set' ? [shape.ranges] : []));
    const others = parts.filter((part) => part.shape.kind !== 'set');
    const set = sets.length === 0 ? [] : [this.set(sets.flat())];
    return this.#list('either', [...set, ...others], this.none);
  }

  both(languages: readonly Language[]): Language {
    this.spend(languages.length / PARTS_PER_STEP);
    const parts = flat('both', languages).filter((part) => part !== this.all);
    if (parts.includes(this.none)) return this.none;
    const sets = parts.flatMap(({ shape }) => (shape.kind === 'set' ? [shape.ranges] : []));
    const others = parts.filter((part) => part.shape.kind !== 'set');
    const [first, ...rest] = sets;
    const set = first === undefined ? [] : [this.set(rest.reduce(intersect, first))];
    if (set.includes(this.none)) return this.none;
    return this.#list('both', [...set, ...others], this.all);
  }

  not(of: Language): Language {
    if (of.shape.kind === 'not') return of.shape.of;
    if (of === this.none) return this.all;
    if (of === this.all) return this.none;
    return this.#make(`n${of.id}`, { kind: 'not', of }, !of.isNullable);
  }

  repeat(of: Language, from: number, max: number): Language {
    const min = of.isNullable ? 0 : from;
    if (max === 0 || of === this.empty) return this.empty;
    if (of === this.none) return min === 0 ? this.empty : this.none;
    if (min === 1 && max === 1) return of;
    return this.#make(`r${of.id},${min},${max}`, { kind: 'repeat', of, min, max }, min === 0);
  }

  /** The derivative of `language` by the character `code`. */
  derivative(language: Language, code: number): Language {
    const known = this.#derivatives[language.id];
    const found = known?.get(code);
    if (found !== undefined) return found;
    const made = this.#derive(language, code);
    known?.set(code, made);
    return made;
  }

  #derive(language: Language, code: number): Language {
    const { shape } = language;
    switch (shape.kind) {
      case 'empty':
        return this.none;
      case 'set':
        return shape.ranges.some(([from, to]) => code >= from && code <= to)
          ? this.empty
          : this.none;
      case 'sequence':
        return this.#deriveSequence(language, code);
      case 'either':
        return this.either(shape.parts.map((part) => this.derivative(part, code)));
      case 'both':
        return this.both(shape.parts.map((part) => this.derivative(part, code)));
      case 'not':
        return this.not(this.derivative(shape.of, code));
      case 'repeat': {
        const { of, min, max } = shape;
        const after = this.repeat(of, Math.max(0, min - 1), max - 1);
        return this.sequence(this.derivative(of, code), after);
      }
    }
  }

  /** A loop instead of recursion, because a sequence may have thousands of optional parts. */
  #deriveSequence(language: Language, code: number): Language {
    const ways: Language[] = [];
    let at = language;
    while (at.shape.kind === 'sequence') {
      const { first, rest } = at.shape;
      ways.push(this.sequence(this.derivative(first, code), rest));
      if (!first.isNullable) return this.either(ways);
      at = rest;
    }
    return this.either([...ways, this.derivative(at, code)]);
  }

  #list(kind: 'either' | 'both', list: readonly Language[], nothing: Language): Language {
    this.spend(list.length / PARTS_PER_STEP);
    const parts = [...new Set(list)].sort((a, b) => a.id - b.id);
    const [only] = parts;
    if (parts.length <= 1) return only ?? nothing;
    const isNullable =
      kind === 'either'
        ? parts.some((part) => part.isNullable)
        : parts.every((part) => part.isNullable);
    const key = `${kind === 'either' ? 'o' : 'a'}${parts.map((part) => part.id).join(',')}`;
    return this.#make(key, { kind, parts }, isNullable);
  }

  #make(key: string, shape: Shape, isNullable: boolean): Language {
    let language = this.#known.get(key);
    if (language === undefined) {
      if (this.#known.size >= MAX_LANGUAGES)
        throw new UnsupportedPattern('too many expressions; shorten it');
      this.spend(1);
      language = { id: this.#known.size, isNullable, shape };
      this.#known.set(key, language);
      this.#byId.push(language);
      this.#derivatives.push(new Map());
    }
    return language;
  }
}

function codeRange(char: string): Range {
  const code = char.codePointAt(0) ?? 0;
  return [code, code];
}

const flat = (kind: 'either' | 'both', languages: readonly Language[]): Language[] =>
  languages.flatMap((language) =>
    language.shape.kind === kind ? language.shape.parts : [language],
  );

/** Surrogate code points, which no text contains. */
const SURROGATES: Range = [0xd800, 0xdfff];

/** Partitions all characters into classes that `language` treats alike. */
export function alphabetOf(language: Language): readonly (readonly Range[])[] {
  const sets = setsOf(language);
  const starts = [
    ...new Set([
      0,
      SURROGATES[0],
      SURROGATES[1] + 1,
      ...sets.flatMap((ranges) => ranges.flatMap(([from, to]) => [from, to + 1])),
    ]),
  ]
    .filter((start) => start <= MAX_CODE)
    .sort((a, b) => a - b);
  const members = starts.map((): number[] => []);
  for (const [i, ranges] of sets.entries()) {
    let k = 0;
    for (const [from, to] of ranges) {
      while ((starts[k] ?? Infinity) < from) k++;
      for (; (starts[k] ?? Infinity) <= to; k++) members[k]?.push(i);
    }
  }
  const groups = new Map<string, Range[]>();
  for (const [k, from] of starts.entries()) {
    if (from >= SURROGATES[0] && from <= SURROGATES[1]) continue;
    const key = members[k]?.join(',') ?? '';
    const range: Range = [from, (starts[k + 1] ?? MAX_CODE + 1) - 1];
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [range]);
    else group.push(range);
  }
  return [...groups.values()];
}

function setsOf(language: Language): (readonly Range[])[] {
  const sets: (readonly Range[])[] = [];
  const seen = new Set<Language>();
  const open = [language];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const { shape } = next;
    if (shape.kind === 'set') sets.push(shape.ranges);
    else if (shape.kind === 'sequence') open.push(shape.first, shape.rest);
    else if ('parts' in shape) open.push(...shape.parts);
    else if ('of' in shape) open.push(shape.of);
  }
  return sets;
}
