import { classChar, type GrammarRules, literal, sequence } from './grammar-rules.ts';

interface TextBounds {
  /** Excluded prefixes. */
  readonly notFirst?: readonly string[];
  /** Excluded substrings. */
  readonly without?: readonly string[];
}

/**
 * Any text up to the first `marker`, and the marker.
 *
 * One rule per prefix of a marker that the text may end with (Aho, Corasick), so that the grammar is unambiguous.
 */
export function textUntil(
  rules: GrammarRules,
  marker: string,
  { notFirst = [], without = [] }: TextBounds = {},
): string {
  const words = [marker, ...without];
  const alphabet = new Set(words.flatMap((word) => Array.from(word)));
  const begun = new Set(words.flatMap((word) => Array.from(word, (_, i) => word.slice(0, i))));
  const names = new Map(Array.from(begun, (seen) => [seen, rules.reserve('until')]));
  const start = names.get('') ?? '';
  const others = Array.from(alphabet, (char) => classChar(char.codePointAt(0) ?? 0));
  for (const [seen, name] of names) {
    const options = Array.from(alphabet).flatMap((char) => {
      const text = seen + char;
      if (text.endsWith(marker)) return [literal(char)];
      if (without.some((word) => text.endsWith(word))) return [];
      return [sequence(literal(char), names.get(longestEnd(text, begun)) ?? start)];
    });
    rules.define(name, [...options, `[^${others.join('')}] ${start}`].join(' | '));
  }
  return notFirst.length === 0
    ? start
    : beginningWithNone(rules, notFirst, { marker, free: start });
}

/** The longest suffix of `text` in `begun`. */
function longestEnd(text: string, begun: ReadonlySet<string>): string {
  for (let at = 0; at < text.length; at++) {
    if (begun.has(text.slice(at))) return text.slice(at);
  }
  return '';
}

interface Free {
  readonly marker: string;
  /** The rule of any text up to the marker. */
  readonly free: string;
}

/** Follows the words but never completes one. The marker ends the text at any position. */
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
