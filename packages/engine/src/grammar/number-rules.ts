/** Numbers within bounds, as grammars over their decimal digits. */
import { type GrammarRules, sequence } from './grammar-rules.ts';

export interface NumberBounds {
  readonly min?: number;
  readonly max?: number;
  readonly exclusiveMin?: number;
  readonly exclusiveMax?: number;
}

/** Digits before the point in an unbounded number: the largest that a double holds exactly. */
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

/**
 * A JSON number within `bounds`, or undefined when none can be written.
 *
 * Bounded numbers have no exponent and as many decimals as the bounds need, at least two and at most nine.
 */
export function numberRule(rules: GrammarRules, bounds: NumberBounds): string | undefined {
  if (!isBounded(bounds)) {
    const whole = `"-"? ("0" | [1-9] [0-9]{0,${FREE_DIGITS - 1}})`;
    return rules.add(
      'number',
      `${whole} ("." [0-9]{1,${FREE_DIGITS}})? ([eE] [-+]? [0-9] [1-9]?)?`,
    );
  }
  const decimals = Math.min(
    9,
    Math.max(2, ...Object.values(bounds).map((value) => decimalsOf(value ?? 0))),
  );
  const bodies: string[] = [];
  for (let places = 0; places <= decimals; places++) {
    const body = signedRange(scaledRange(bounds, places), (digits) => withPoint(digits, places));
    if (body !== undefined) bodies.push(body);
  }
  return bodies.length === 0 ? undefined : rules.add('number', bodies.join(' | '));
}

function decimalsOf(value: number): number {
  const [mantissa = '', exponent = '0'] = value.toString().split('e');
  return Math.max(0, (mantissa.split('.')[1]?.length ?? 0) - Number(exponent));
}

interface ScaledRange {
  /** Inclusive bounds of the number times 10^places; undefined: no bound on that side. */
  readonly low: bigint | undefined;
  readonly high: bigint | undefined;
}

function scaledRange(bounds: NumberBounds, places: number): ScaledRange {
  const lows: bigint[] = [];
  const highs: bigint[] = [];
  if (bounds.min !== undefined) lows.push(scale(bounds.min, places).ceil);
  if (bounds.exclusiveMin !== undefined) lows.push(scale(bounds.exclusiveMin, places).floor + 1n);
  if (bounds.max !== undefined) highs.push(scale(bounds.max, places).floor);
  if (bounds.exclusiveMax !== undefined) highs.push(scale(bounds.exclusiveMax, places).ceil - 1n);
  return {
    low: lows.length > 0 ? lows.reduce((a, b) => (a > b ? a : b)) : undefined,
    high: highs.length > 0 ? highs.reduce((a, b) => (a < b ? a : b)) : undefined,
  };
}

/** `value × 10^places` rounded down and up, computed on the decimal text so that 0.1 stays 0.1. */
function scale(value: number, places: number): { floor: bigint; ceil: bigint } {
  const decimals = decimalsOf(value);
  const text = Math.abs(value).toFixed(Math.min(100, decimals)).replace('.', '');
  const magnitude = BigInt(text) * (value < 0 ? -1n : 1n);
  if (decimals <= places) {
    const exact = magnitude * 10n ** BigInt(places - decimals);
    return { floor: exact, ceil: exact };
  }
  const divisor = 10n ** BigInt(decimals - places);
  const quotient = magnitude / divisor;
  const rest = magnitude % divisor;
  return {
    floor: rest < 0n ? quotient - 1n : quotient,
    ceil: rest > 0n ? quotient + 1n : quotient,
  };
}

/** One digit pattern: a literal or class for each digit, most significant first. */
type Digits = readonly string[];

function signedRange(
  { low, high }: ScaledRange,
  format: (digits: Digits) => string,
): string | undefined {
  const from = low ?? -openEnd(high === undefined ? undefined : -high);
  const to = high ?? openEnd(low);
  if (from > to) return undefined;
  const options: string[] = [];
  if (from < 0n) {
    const nearest = to < 0n ? -to : 1n;
    options.push(...magnitudes(nearest, -from).map((digits) => sequence('"-"', format(digits))));
  }
  if (to >= 0n) options.push(...magnitudes(from > 0n ? from : 0n, to).map(format));
  return options.length === 0 ? undefined : options.join(' | ');
}

/** How far a range without a bound on that side reaches: as far as a double is exact, whatever the bound of the other side. */
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

function sameLength(low: string, high: string): string[][] {
  if (low.length === 0) return [[]];
  const a = Number(low[0]);
  const b = Number(high[0]);
  const lowRest = low.slice(1);
  const highRest = high.slice(1);
  if (a === b) return sameLength(lowRest, highRest).map((rest) => [digit(a, a), ...rest]);
  const anyRest = lowRest.split('').map(() => '[0-9]');
  const lowIsWhole = /^0*$/.test(lowRest);
  const highIsWhole = /^9*$/.test(highRest);
  const out: string[][] = [];
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

const digit = (from: number, to: number): string => (from === to ? `"${from}"` : `[${from}-${to}]`);

const plainDigits = (cells: Digits): string => cells.join(' ');

/** The same digits with the decimal point before the last `places`, zeros put in front where they are missing. */
function withPoint(cells: Digits, places: number): string {
  if (places === 0) return cells.join(' ');
  const padded = [
    ...Array.from({ length: Math.max(0, places + 1 - cells.length) }, () => '"0"'),
    ...cells,
  ];
  return sequence(...padded.slice(0, -places), '"."', ...padded.slice(-places));
}
