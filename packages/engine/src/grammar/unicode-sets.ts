/** The characters with a Unicode property (`\p{Letter}`), as JavaScript regular expressions define them. */
import { MAX_CODE, type Range } from './code-ranges.ts';

const known = new Map<string, readonly Range[] | undefined>();

/** Undefined for an unknown property. Cached; takes about 10 ms. */
export function unicodeSet(name: string): readonly Range[] | undefined {
  if (!known.has(name)) known.set(name, findSet(name));
  return known.get(name);
}

function findSet(name: string): readonly Range[] | undefined {
  if (!/^\w+(?:=\w+)?$/.test(name)) return undefined;
  let runs: RegExp;
  try {
    runs = new RegExp(`\\p{${name}}+`, 'gu');
  } catch {
    return undefined;
  }
  return [...runsIn(runs, 0), ...runsIn(runs, 1)];
}

/** Characters of the first plane have one UTF-16 unit, others have two. */
const PLANES = [
  [0, 0xffff],
  [0x1_0000, MAX_CODE],
] as const;

const texts: string[] = [];

function runsIn(runs: RegExp, plane: 0 | 1): Range[] {
  const [first, last] = PLANES[plane];
  const text = (texts[plane] ??= allOf(first, last));
  return Array.from(text.matchAll(runs), ({ 0: run, index }): Range => {
    const from = first + index / (plane + 1);
    return [from, from + run.length / (plane + 1) - 1];
  });
}

function allOf(first: number, last: number): string {
  const parts: string[] = [];
  for (let from = first; from <= last; from += 4096)
    parts.push(String.fromCodePoint(...Array.from({ length: 4096 }, (_, i) => from + i)));
  return parts.join('');
}
