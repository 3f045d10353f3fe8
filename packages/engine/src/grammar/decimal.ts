/** Numbers as the decimals that they are written as, so that 0.1 stays 0.1. Pure. */
import { unsupported } from './schema.ts';

/** Digits behind the point of `value` as it is written. */
export function decimalsOf(value: number): number {
  const [mantissa = '', exponent = '0'] = value.toString().split('e');
  return Math.max(0, (mantissa.split('.')[1]?.length ?? 0) - Number(exponent));
}

/** `value × 10^places` rounded down and up. */
export function scale(value: number, places: number): { floor: bigint; ceil: bigint } {
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

/** A value of `multipleOf`. @throws CortexError when it is none that is held. */
export function stepOf(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
    throw unsupported('multipleOf', 'must be a number above 0');
  if (value > 1e9 || decimalsOf(value) > 9)
    throw unsupported('multipleOf', 'must be from 10^-9 to 10^9');
  return value;
}

/** The step whose multiples are those of both. */
export function commonMultiple(a: unknown, b: unknown): number {
  const [left, right] = [stepOf(a), stepOf(b)];
  const places = Math.max(decimalsOf(left), decimalsOf(right));
  const [x, y] = [scale(left, places).floor, scale(right, places).floor];
  return stepOf(Number((x / gcd(x, y)) * y) / 10 ** places);
}

export function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}
