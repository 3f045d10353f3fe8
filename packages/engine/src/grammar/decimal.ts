/** Numbers as decimals, so that 0.1 stays 0.1. Pure. */
import { unsupported } from './schema.ts';

/** The digits of the decimal form of `value`, and the number of them after the point. */
function digitsOf(value: number): { readonly magnitude: bigint; readonly decimals: number } {
  const [mantissa = '', exponent = '0'] = Math.abs(value).toString().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const decimals = fraction.length - Number(exponent);
  const magnitude = BigInt(whole + fraction);
  return decimals >= 0
    ? { magnitude, decimals }
    : { magnitude: magnitude * 10n ** BigInt(-decimals), decimals: 0 };
}

/** The number of digits after the point in the decimal form of `value`. */
export const decimalsOf = (value: number): number => digitsOf(value).decimals;

/** `value × 10^places` rounded down and up. */
export function scale(value: number, places: number): { floor: bigint; ceil: bigint } {
  const { magnitude, decimals } = digitsOf(value);
  const signed = value < 0 ? -magnitude : magnitude;
  if (decimals <= places) {
    const exact = signed * 10n ** BigInt(places - decimals);
    return { floor: exact, ceil: exact };
  }
  const divisor = 10n ** BigInt(decimals - places);
  const quotient = signed / divisor;
  const rest = signed % divisor;
  return {
    floor: rest < 0n ? quotient - 1n : quotient,
    ceil: rest > 0n ? quotient + 1n : quotient,
  };
}

/** The next double above `value`; infinite for the largest double. */
export function nextAbove(value: number): number {
  if (value === 0) return Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? 1n : -1n));
  return view.getFloat64(0);
}

/** The next double below `value`. */
export const nextBelow = (value: number): number => -nextAbove(-value);

const MAX_STEP_DECIMALS = 15;

/** Reads the value of `multipleOf`. @throws CortexError when it cannot be enforced. */
export function stepOf(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
    throw unsupported('multipleOf', 'must be a number above 0');
  if (value > 1e9 || decimalsOf(value) > MAX_STEP_DECIMALS)
    throw unsupported('multipleOf', `must be from 10^-${MAX_STEP_DECIMALS} to 10^9`);
  return value;
}

/** The step whose multiples are the common multiples of both. */
export function commonMultiple(a: unknown, b: unknown): number {
  const [left, right] = [stepOf(a), stepOf(b)];
  const places = Math.max(decimalsOf(left), decimalsOf(right));
  const [x, y] = [scale(left, places).floor, scale(right, places).floor];
  return stepOf(Number((x / gcd(x, y)) * y) / 10 ** places);
}

export function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}
