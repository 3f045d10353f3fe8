/** Strings that match several patterns and a length at the same time, as an automaton. */
import { type Automaton, automatonOf, automatonRule, type Machine } from './automaton.ts';
import { normalise, type Range } from './code-ranges.ts';
import type { GrammarRules } from './grammar-rules.ts';
import { type CharWriter, jsonChars } from './pattern.ts';
import { patternLanguage } from './pattern-language.ts';
import type { LengthBounds } from './pattern-lengths.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';
import { alphabetOf, Languages } from './regular-language.ts';

/** The form of a string: its quotes, the rule of any character, and the rule of one character of a set. */
export interface StringForm {
  readonly quote: string;
  anyChar(rules: GrammarRules): string;
  readonly chars?: CharWriter;
}

export interface Joined extends LengthBounds {
  /** Patterns that must all match. */
  readonly sources: readonly string[];
  /** Excluded texts. */
  readonly except: readonly string[];
  readonly form: StringForm;
}

/**
 * The rule body of all such texts; undefined when there are none.
 *
 * @throws UnsupportedPattern when it needs too many states.
 */
export function joinedBody(rules: GrammarRules, joined: Joined): string | undefined {
  const { form, ...keywords } = joined;
  return rules.shared(JSON.stringify(['joined', form.quote, keywords]), () => {
    const texts = patternsAutomaton(rules, joined);
    const automaton = texts && withLengths(rules, texts.automaton, joined);
    if (automaton === undefined) return undefined;
    const chars = form.chars ?? jsonChars;
    return automatonRule(rules, automaton, (symbols) =>
      chars(rules, normalise(symbols.flatMap((symbol) => texts?.alphabet[symbol] ?? []))),
    );
  });
}

/** The same, without texts so long that they would need too many states. */
export function shorterBody(rules: GrammarRules, joined: Joined): string | undefined {
  try {
    return joinedBody(rules, joined);
  } catch (error) {
    if (!(error instanceof UnsupportedPattern) || joined.maxLength === Infinity) throw error;
    const automaton = patternsAutomaton(rules, joined)?.automaton;
    const maxLength = Math.floor(MAX_WRITTEN_STATES / (automaton?.states.length ?? 1)) - 1;
    if (maxLength < joined.minLength || maxLength >= joined.maxLength) throw error;
    const body = joinedBody(rules, { ...joined, maxLength });
    if (body === undefined) throw error;
    return body;
  }
}

/** The most states for patterns with a length. */
const MAX_COUNTED_STATES = 1200;

/** The most states to write when a length needs too many. */
const MAX_WRITTEN_STATES = 1000;

/** Number of character-counting steps that count as one step. */
const COUNTING = 8;

interface Texts {
  readonly automaton: Automaton;
  /** The characters of each symbol. */
  readonly alphabet: readonly (readonly Range[])[];
}

/** Texts of any length that match the patterns; undefined when there are none. */
function patternsAutomaton(
  rules: GrammarRules,
  { sources, except }: Pick<Joined, 'sources' | 'except'>,
): Texts | undefined {
  const spend = (steps: number): void => rules.spend(steps);
  const languages = new Languages(spend);
  const wanted = languages.both([
    ...sources.map((source) => patternLanguage(languages, source)),
    ...except.map((text) => languages.not(languages.text(text))),
  ]);
  const alphabet = alphabetOf(wanted);
  const codes = alphabet.map(([first]) => first?.[0] ?? 0);
  const automaton = automatonOf(
    {
      start: wanted.id,
      symbols: codes.length,
      isAccepting: (state) => languages.at(state).isNullable,
      step: (state, symbol) => languages.derivative(languages.at(state), codes[symbol] ?? 0).id,
    },
    spend,
  );
  return automaton && { automaton, alphabet };
}

/** The same texts, restricted to lengths within the bounds. */
function withLengths(
  rules: GrammarRules,
  automaton: Automaton,
  { minLength, maxLength }: LengthBounds,
): Automaton | undefined {
  if (minLength === 0 && maxLength === Infinity) return automaton;
  const machine = counting(automaton, { minLength, maxLength });
  return automatonOf(machine, (steps) => rules.spend(steps / COUNTING), MAX_COUNTED_STATES);
}

/** Adds a character count: a state combines the state of the text and its length in one number. */
function counting({ start, states }: Automaton, { minLength, maxLength }: LengthBounds): Machine {
  const size = states.length;
  const nowhere = -1;
  return {
    start,
    symbols: states[start]?.next.length ?? 0,
    isAccepting: (state) =>
      state !== nowhere &&
      states[state % size]?.isAccepting === true &&
      Math.floor(state / size) >= minLength,
    step: (state, symbol) => {
      const next = states[state % size]?.next[symbol] ?? nowhere;
      const length = Math.floor(state / size) + 1;
      if (state === nowhere || next === nowhere || length > maxLength) return nowhere;
      return next + size * (maxLength === Infinity ? Math.min(length, minLength) : length);
    },
  };
}
