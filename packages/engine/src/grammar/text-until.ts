import { classChar, type GrammarRules, literal, sequence } from './grammar-rules.ts';

/**
 * Any text up to the first `marker`, and the marker; a text that begins with none of `notFirst`.
 *
 * One rule for each length of the marker that may have been matched (Knuth, Morris, Pratt), so that the grammar never
 * has two readings of a text.
 */
export function textUntil(
  rules: GrammarRules,
  marker: string,
  notFirst: readonly string[] = [],
): string {
  const chars = Array.from(marker);
  const names = chars.map((_, matched) => rules.reserve(`until-${matched}`));
  const [start = ''] = names;
  for (const [matched, name] of names.entries()) {
    const options = Array.from(new Set(chars), (char) => {
      const next = matchedBehind(chars, matched, char);
      return `${literal(char)} ${names[next] ?? ''}`.trim();
    });
    const others = chars.map((char) => classChar(char.codePointAt(0) ?? 0));
    rules.define(name, [...options, `[^${[...new Set(others)].join('')}] ${start}`].join(' | '));
  }
  const free = rules.add('until', start);
  return notFirst.length === 0 ? free : beginningWithNone(rules, notFirst, { marker, free });
}

interface Free {
  readonly marker: string;
  /** The rule of any text up to the marker. */
  readonly free: string;
}

/** Goes along the words and leaves them before the last character of one. The marker ends the text anywhere. */
function beginningWithNone(
  rules: GrammarRules,
  words: readonly string[],
  { marker, free }: Free,
): string {
  const byFirst = Map.groupBy(words, (word) => String.fromCodePoint(word.codePointAt(0) ?? 0));
  const along = [...byFirst]
    .filter(([char, group]) => !group.includes(char))
    .map(([char, group]) => {
      const rest = group.map((word) => word.slice(char.length));
      return sequence(literal(char), beginningWithNone(rules, rest, { marker, free }));
    });
  const [first = ''] = Array.from(marker);
  const excluded = [...byFirst.keys(), first].map((char) => classChar(char.codePointAt(0) ?? 0));
  const options = [...along, literal(marker), `[^${excluded.join('')}] ${free}`];
  return rules.add('until', options.join(' | '));
}

/** How much of the marker ends a text that ended with `matched` of its characters and goes on with `char`. */
function matchedBehind(chars: readonly string[], matched: number, char: string): number {
  const seen = [...chars.slice(0, matched), char];
  for (let length = seen.length; length > 0; length--) {
    const end = seen.slice(seen.length - length);
    if (end.every((one, i) => one === chars[i])) return length;
  }
  return 0;
}
