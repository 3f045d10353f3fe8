/** Grammars of unescaped strings between two delimiters. */
import { affordable, intersect, MAX_CODE, type Range, subtract } from './code-ranges.ts';
import { classChar, type GrammarRules, literal, sequence } from './grammar-rules.ts';
import type { StringForm } from './joined-patterns.ts';
import type { CharWriter } from './pattern.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';
import type { FlatSchema } from './schema.ts';
import { stringBounds } from './schema-keywords.ts';
import { stringRule } from './string-rules.ts';
import { textUntil } from './text-until.ts';

/**
 * The text of a string and its closing delimiter; undefined if no text is valid.
 *
 * @param end - The closing delimiter; starts with `<`, which texts with a length bound do not contain.
 * @throws CortexError naming the keyword that cannot be enforced.
 */
export function rawStringRule(
  rules: GrammarRules,
  schema: FlatSchema,
  end: string,
): string | undefined {
  const bounds = stringBounds(schema);
  if (Object.keys(bounds).length === 0) return textUntil(rules, end);
  const rule = stringRule(rules, bounds, RAW);
  return rule === undefined ? undefined : sequence(rule, literal(end));
}

/** Characters of `ranges` without the first character of the delimiter; undefined if none is left. */
export function rawChars(rules: GrammarRules, ranges: readonly Range[]): string | undefined {
  const writable = intersect(ranges, [
    [0x09, 0x0a],
    [0x20, 0xd7ff],
    [0xe000, MAX_CODE],
  ]);
  const allowed = affordable(subtract(writable, [[0x3c, 0x3c]]));
  if (allowed.length === 0) return undefined;
  const entries = allowed.map(([a, b]) =>
    a === b ? classChar(a) : `${classChar(a)}-${classChar(b)}`,
  );
  return rules.add('chars', `[${entries.join('')}]`);
}

const chars: CharWriter = (rules, ranges) => {
  const rule = rawChars(rules, ranges);
  if (rule !== undefined) return rule;
  throw new UnsupportedPattern('a character that this model cannot write in a string');
};

const RAW: StringForm = {
  quote: '',
  anyChar: (rules) => chars(rules, [[0, MAX_CODE]]),
  chars,
};
