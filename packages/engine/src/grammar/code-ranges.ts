/** Sets of code points as sorted, disjoint ranges. Pure. */
export type Range = readonly [number, number];

/** The last code point of Unicode. */
export const MAX_CODE = 0x10ffff;

/** Sorted, with overlapping and adjacent ranges merged. */
export function normalise(ranges: readonly Range[]): Range[] {
  const out: Range[] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last !== undefined && from <= last[1] + 1)
      out[out.length - 1] = [last[0], Math.max(last[1], to)];
    else out.push([from, to]);
  }
  return out;
}

export function complement(ranges: readonly Range[]): Range[] {
  const out: Range[] = [];
  let next = 0;
  for (const [from, to] of normalise(ranges)) {
    if (from > next) out.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= MAX_CODE) out.push([next, MAX_CODE]);
  return out;
}

export function intersect(a: readonly Range[], b: readonly Range[]): Range[] {
  const out: Range[] = [];
  for (const [from, to] of a) {
    for (const [low, high] of b) {
      if (from <= high && low <= to) out.push([Math.max(from, low), Math.min(to, high)]);
    }
  }
  return normalise(out);
}

export const subtract = (a: readonly Range[], b: readonly Range[]): Range[] =>
  intersect(a, complement(b));

/** The most ranges of one character class: llama.cpp scans them for each character of each candidate token. */
const MAX_RANGES = 128;

/**
 * A subset of `ranges` of limited size: the lowest ones, which contain the common alphabets, and the widest of the
 * rest.
 */
export function affordable(ranges: readonly Range[]): readonly Range[] {
  if (ranges.length <= MAX_RANGES) return ranges;
  const lowest = ranges.slice(0, (MAX_RANGES * 3) / 4);
  const widest = ranges
    .slice(lowest.length)
    .sort((a, b) => b[1] - b[0] - (a[1] - a[0]))
    .slice(0, MAX_RANGES - lowest.length);
  return normalise([...lowest, ...widest]);
}
