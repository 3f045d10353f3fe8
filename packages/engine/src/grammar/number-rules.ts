/** Numbers within bounds, as grammars over their decimal digits. */
import { decimalsOf, nextAbove, nextBelow, scale } from './decimal.ts';
import { type GrammarRules, sequence } from './grammar-rules.ts';

export interface NumberBounds {
  readonly min?: number;
  readonly max?: number;
  readonly exclusiveMin?: number;
  readonly exclusiveMax?: number;
}

/** Digits before the point of an unbounded number, so that a double represents every integer exactly. */
const FREE_DIGITS = 15;

const isBounded = (bounds: NumberBounds): boolean =>
  Object.values(bounds).some((value) => value !== undefined);

/** A JSON integer within `bounds`, or undefined when none exists. */
export function integerRule(rules: GrammarRules, bounds: NumberBounds): string | undefined {
  if (!isBounded(bounds))
    return rules.add('integer', `"-"? ("0" | [1-9] [0-9]{0,${FREE_DIGITS - 1}})`);
  const range = scaledRange(bounds, 0);
  const body = signedRange(range, plainDigits);
  return body === undefined ? undefined : rules.add('integer', body);
}

/** Bounded numbers get enough decimals to offer this many values, if the interval has as many. */
const CHOICES = 1000n;

/** Minimum number of decimals of bounded numbers; `CHOICES` may require more. */
const MIN_DECIMALS = 2;
const MAX_DECIMALS = 9;

/** A JSON number within `bounds`, or undefined when there is none. Bounded numbers have no exponent. */
export function numberRule(rules: GrammarRules, bounds: NumberBounds): string | undefined {
  if (!isBounded(bounds)) {
    const whole = `"-"? ("0" | [1-9] [0-9]{0,${FREE_DIGITS - 1}})`;
    return rules.add(
      'number',
      `${whole} ("." [0-9]{1,${FREE_DIGITS}})? ([eE] [-+]? [0-9] [1-9]?)?`,
    );
  }
  const decimals = decimalsWithin(bounds);
  if (decimals === undefined) return undefined;
  const bodies: string[] = [];
  for (let places = 0; places <= decimals; places++) {
    const body = signedRange(scaledRange(bounds, places), (digits) => withPoint(digits, places));
    if (body !== undefined) bodies.push(body);
  }
  return rules.add('number', bodies.join(' | '));
}

/** The most digits after the point of numbers within `bounds`; undefined if there is no such number. */
function decimalsWithin(bounds: NumberBounds): number | undefined {
  const [lowest, highest] = outermost(bounds);
  if (lowest > highest) return undefined;
  const written = Object.values(bounds).map((value) => decimalsOf(value ?? 0));
  let places = Math.min(MAX_DECIMALS, Math.max(MIN_DECIMALS, ...written));
  const choices = lowest === highest ? 1n : CHOICES;
  while (!hasValues(scaledRange(bounds, places), choices)) places++;
  return places;
}

const hasValues = ({ low, high }: ScaledRange, count: bigint): boolean =>
  low === undefined || high === undefined || high - low >= count - 1n;

export interface ScaledRange {
  /** Inclusive bounds of the number times 10^places; undefined means no bound. */
  readonly low: bigint | undefined;
  readonly high: bigint | undefined;
}

/**
 * The lowest and the highest number within `bounds`; infinite without a bound.
 *
 * Validators parse a number as a double. So the number next to an excluded bound is the next double: a decimal between
 * the two may round to the bound.
 */
function outermost(bounds: NumberBounds): readonly [number, number] {
  const { min = -Infinity, max = Infinity, exclusiveMin, exclusiveMax } = bounds;
  return [
    exclusiveMin === undefined ? min : Math.max(min, nextAbove(exclusiveMin)),
    exclusiveMax === undefined ? max : Math.min(max, nextBelow(exclusiveMax)),
  ];
}

/** The integer range of `bounds` times 10^`places`. */
export function scaledRange(bounds: NumberBounds, places: number): ScaledRange {
  const [lowest, highest] = outermost(bounds);
  return {
    low: Number.isFinite(lowest) ? scale(lowest, places).ceil : undefined,
    high: Number.isFinite(highest) ? scale(highest, places).floor : undefined,
  };
}

/** One digit pattern: the lowest and highest of each digit, most significant first. */
export type Digits = readonly (readonly [number, number])[];

/** Patterns that together match exactly the integers of a range, without leading zeros. */
export function signedDigits(
  range: ScaledRange,
): { readonly isNegative: boolean; readonly digits: Digits }[] {
  const [from, to] = endsOf(range);
  if (from > to) return [];
  const nearest = to < 0n ? -to : 1n;
  const below = from < 0n ? magnitudes(nearest, -from) : [];
  const above = to >= 0n ? magnitudes(from > 0n ? from : 0n, to) : [];
  return [
    ...below.map((digits) => ({ isNegative: true, digits })),
    ...above.map((digits) => ({ isNegative: false, digits })),
  ];
}

/** The lowest and highest number to write for a range. */
export function endsOf({ low, high }: ScaledRange): readonly [bigint, bigint] {
  return [low ?? -openEnd(high === undefined ? undefined : -high), high ?? openEnd(low)];
}

function signedRange(
  range: ScaledRange,
  format: (digits: readonly string[]) => string,
): string | undefined {
  const options = signedDigits(range).map(({ isNegative, digits }) =>
    sequence(isNegative ? '"-"' : '', format(digits.map(([a, b]) => digitClass(a, b)))),
  );
  return options.length === 0 ? undefined : options.join(' | ');
}

/**
 * The end of a range without a bound: the largest integer that a double represents exactly, regardless of the other
 * bound.
 */
function openEnd(start: bigint | undefined): bigint {
  const limit = 10n ** BigInt(FREE_DIGITS) - 1n;
  return start === undefined || start < limit ? limit : BigInt(Number.MAX_SAFE_INTEGER);
}

/** Patterns that together match exactly the integers from `low` to `high` (both ≥ 0), without leading zeros. */
function magnitudes(low: bigint, high: bigint): Digits[] {
  const out: Digits[] = [];
  const highText = high.toString();
  for (let length = low.toString().length; length <= highText.length; length++) {
    const smallest = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const largest = 10n ** BigInt(length) - 1n;
    const from = low > smallest ? low : smallest;
    const to = high < largest ? high : largest;
    if (from <= to) out.push(...sameLength(from.toString(), to.toString()));
  }
  return out;
}

function sameLength(low: string, high: string): Digits[] {
  if (low.length === 0) return [[]];
  const a = Number(low[0]);
  const b = Number(high[0]);
  const lowRest = low.slice(1);
  const highRest = high.slice(1);
  if (a === b) return sameLength(lowRest, highRest).map((rest) => [digit(a, a), ...rest]);
  const anyRest = lowRest.split('').map(() => digit(0, 9));
  const lowIsWhole = /^0*$/.test(lowRest);
  const highIsWhole = /^9*$/.test(highRest);
  const out: Digits[] = [];
  if (!lowIsWhole) {
    out.push(
      ...sameLength(lowRest, '9'.repeat(lowRest.length)).map((rest) => [digit(a, a), ...rest]),
    );
  }
  const first = lowIsWhole ? a : a + 1;
  const last = highIsWhole ? b : b - 1;
  if (first <= last) out.push([digit(first, last), ...anyRest]);
  if (!highIsWhole) {
    out.push(
      ...sameLength('0'.repeat(highRest.length), highRest).map((rest) => [digit(b, b), ...rest]),
    );
  }
  return out;
}

const digit = (from: number, to: number): readonly [number, number] => [from, to];

const digitClass = (from: number, to: number): string =>
  from === to ? `"${from}"` : `[${from}-${to}]`;

const plainDigits = (cells: readonly string[]): string => cells.join(' ');

/** The same digits with the decimal point before the last `places` digits and leading zeros as needed. */
function withPoint(cells: readonly string[], places: number): string {
  if (places === 0) return cells.join(' ');
  const padded = [
    ...Array.from({ length: Math.max(0, places + 1 - cells.length) }, () => '"0"'),
    ...cells,
  ];
  return sequence(...padded.slice(0, -places), '"."', ...padded.slice(-places));
}
