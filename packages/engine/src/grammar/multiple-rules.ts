/** Multiples of a step, as grammars over decimal digits with one state per remainder. */
import type { CortexError } from '@cortex/protocol';

import { anyText } from './any-text.ts';
import { automatonOf, automatonRule, type Machine } from './automaton.ts';
import { normalise, type Range } from './code-ranges.ts';
import { decimalsOf, gcd, scale, stepOf } from './decimal.ts';
import { choice, type GrammarRules, sequence } from './grammar-rules.ts';
import {
  type Digits,
  endsOf,
  type NumberBounds,
  type ScaledRange,
  scaledRange,
  signedDigits,
} from './number-rules.ts';
import { jsonChars } from './pattern.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';
import { type Language, Languages } from './regular-language.ts';
import { unsupported } from './schema.ts';

interface Multiples {
  readonly bounds: NumberBounds;
  /** The value of `multipleOf`. */
  readonly step: unknown;
  readonly isWhole: boolean;
}

/** A step with more remainders is enforced only if the multiples cannot be written in another way. */
const MAX_FINE_STEP = 125n;

/** Up to this number, multiples are listed one by one. */
const MAX_LISTED = 1000n;

/** A multiple within the bounds, or undefined if there is none. @throws CortexError if the step cannot be enforced. */
export function multipleRule(
  rules: GrammarRules,
  { bounds, step, isWhole }: Multiples,
): string | undefined {
  const size = stepOf(step);
  const places = decimalsOf(size);
  const scaled = scale(size, places).floor;
  const few = fewMultiples(scaledRange(bounds, places), { size, scaled, places });
  if (few !== undefined) return listedRule(rules, { values: few, size, isWhole });
  // Validators divide doubles and agree on every multiple only if the doubles are exact.
  if (!Number.isInteger(size * 2 ** 10)) throw unlike(size);
  const options: string[] = [];
  for (let at = 0; at <= (isWhole ? 0 : places); at++) {
    const own = scaled / gcd(scaled, 10n ** BigInt(places - at));
    // With fewer digits after the point only some multiples are written, because a fine step needs too many states.
    if (options.length > 0 && own > MAX_FINE_STEP) break;
    const rule = steppedRule(rules, { range: scaledRange(bounds, at), step: own, places: at });
    if (rule !== undefined) options.push(rule);
  }
  return options.length === 0 ? undefined : rules.add('multiple', choice(options));
}

const unlike = (size: number): CortexError =>
  unsupported(
    'multipleOf',
    `is ${size}, and validators reject some of its multiples because of rounding; use whole numbers, bounds with at most ${MAX_LISTED} multiples between them, or remove it`,
  );

interface Step {
  readonly size: number;
  /** `size` without its point, and the number of digits after the point. */
  readonly scaled: bigint;
  readonly places: number;
}

/** The decimal forms of the multiples within a range; undefined if there are many. */
function fewMultiples(
  { low, high }: ScaledRange,
  { scaled, places }: Step,
): readonly string[] | undefined {
  if (low === undefined || high === undefined) return undefined;
  const [first, last] = [-floorOf(-low, scaled), floorOf(high, scaled)];
  if (last - first >= MAX_LISTED) return undefined;
  return Array.from({ length: Math.max(0, Number(last - first) + 1) }, (_, i) =>
    formatScaled((first + BigInt(i)) * scaled, places),
  );
}

/** `scaled / 10^places` in decimals, without trailing zeros. */
function formatScaled(scaled: bigint, places: number): string {
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places).replace(/0+$/, '');
  return `${scaled < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

interface Listed {
  readonly values: readonly string[];
  readonly size: number;
  readonly isWhole: boolean;
}

/** The `values` that a validator accepts as multiples. @throws CortexError if it accepts none. */
function listedRule(rules: GrammarRules, { values, size, isWhole }: Listed): string | undefined {
  const wanted = isWhole ? values.filter((value) => !value.includes('.')) : values;
  if (wanted.length === 0) return undefined;
  const agreed = wanted.filter((value) => Number.isInteger(Number(value) / size));
  if (agreed.length === 0) throw unlike(size);
  return rules.add('multiple', anyText(rules, agreed));
}

interface Stepped {
  readonly range: ScaledRange;
  readonly step: bigint;
  /** Digits after the point. */
  readonly places: number;
}

function steppedRule(rules: GrammarRules, { range, step, places }: Stepped): string | undefined {
  // Factors of ten in the step are trailing zeros of its multiples, so only the rest of the step needs states.
  const zeros = places === 0 ? (/0*$/.exec(step.toString())?.[0].length ?? 0) : 0;
  if (zeros === 0) return remainderRule(rules, { range, step, places });
  const ten = 10n ** BigInt(zeros);
  const [from, to] = endsOf(range);
  const [low, high] = [-floorOf(-from, ten), floorOf(to, ten)];
  const options = [
    { low, high: high < 0n ? high : -1n },
    { low: low > 0n ? low : 1n, high },
  ].flatMap((part) => {
    const rule = remainderRule(rules, { range: part, step: step / ten, places });
    return rule === undefined ? [] : [sequence(rule, `"${'0'.repeat(zeros)}"`)];
  });
  if (from <= 0n && to >= 0n) options.push('"0"');
  return options.length === 0 ? undefined : rules.add('multiple', options.join(' | '));
}

const floorOf = (value: bigint, divisor: bigint): bigint =>
  value / divisor - (value % divisor < 0n ? 1n : 0n);

const MAX_STEP = 1000n;

function remainderRule(rules: GrammarRules, { range, step, places }: Stepped): string | undefined {
  if (step > MAX_STEP)
    throw unsupported('multipleOf', `needs ${step} states, one per remainder; use a rounder step`);
  const key = JSON.stringify(['multiple', `${range.low}`, `${range.high}`, `${step}`, places]);
  try {
    return rules.shared(key, () => {
      const languages = new Languages((steps) => rules.spend(steps));
      const numbers = languages.either(
        signedDigits(range).map(({ isNegative, digits }) =>
          numberLanguage(languages, { isNegative, digits, places }),
        ),
      );
      const machine = remainders({ languages, numbers, step: Number(step) });
      const automaton = automatonOf(machine, (steps) => rules.spend(steps));
      if (automaton === undefined) return undefined;
      return automatonRule(rules, automaton, (symbols) =>
        jsonChars(rules, normalise(symbols.map((symbol) => charOf(symbol)))),
      );
    });
  } catch (error) {
    if (error instanceof UnsupportedPattern)
      throw unsupported('multipleOf', `within its bounds uses ${error.message}`);
    throw error;
  }
}

/** The symbols of numbers. The ten digits are the first ten symbols. */
const CHARS = '0123456789-.';

function charOf(symbol: number): Range {
  const code = CHARS.codePointAt(symbol) ?? 0;
  return [code, code];
}

interface Numbers {
  readonly languages: Languages;
  readonly numbers: Language;
  readonly step: number;
}

/** A state combines what may follow and the remainder of the digits so far. */
function remainders({ languages, numbers, step }: Numbers): Machine {
  return {
    start: numbers.id * step,
    symbols: CHARS.length,
    isAccepting: (state) => state % step === 0 && languages.at(state / step).isNullable,
    step: (state, symbol) => {
      const remainder = state % step;
      const before = languages.at((state - remainder) / step);
      const after = languages.derivative(before, charOf(symbol)[0]);
      if (after === languages.none) return after.id * step;
      return after.id * step + (symbol < 10 ? (remainder * 10 + symbol) % step : remainder);
    },
  };
}

function numberLanguage(
  languages: Languages,
  {
    isNegative,
    digits,
    places,
  }: { readonly isNegative: boolean; readonly digits: Digits; readonly places: number },
): Language {
  const zeros = Array.from(
    { length: Math.max(0, places + 1 - digits.length) },
    () => [0, 0] as const,
  );
  const cells = [...zeros, ...digits].map(([from, to]) =>
    languages.set([[charOf(from)[0], charOf(to)[0]]]),
  );
  if (places > 0) cells.splice(-places, 0, languages.text('.'));
  if (isNegative) cells.unshift(languages.text('-'));
  return cells.reduceRight((rest, cell) => languages.sequence(cell, rest), languages.empty);
}
