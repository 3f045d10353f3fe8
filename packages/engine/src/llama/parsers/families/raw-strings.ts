/** Strings that stand as they are between two marks, as grammars. */
import { intersect, MAX_CODE, subtract } from '../../../grammar/code-ranges.ts';
import { classChar, type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';
import type { CharWriter } from '../../../grammar/pattern.ts';
import { UnsupportedPattern } from '../../../grammar/pattern-syntax.ts';
import { count, optional, text } from '../../../grammar/schema-keywords.ts';
import { type FlatSchema, unsupported } from '../../../grammar/schema-merge.ts';
import { isKnownFormat, type StringForm, stringRule } from '../../../grammar/string-rules.ts';
import { textUntil } from '../../../grammar/text-until.ts';

/**
 * The text of a string and the mark that ends it; undefined when none is valid.
 *
 * @param end - begins with `<`, which texts that are bounded do not hold
 * @throws CortexError naming the keyword that cannot be held.
 */
export function rawStringRule(
  rules: GrammarRules,
  schema: FlatSchema,
  end: string,
): string | undefined {
  const format = text(schema, 'format');
  if (format !== undefined && !isKnownFormat(format))
    throw unsupported('format', `names "${format}", which is not known`);
  const bounds = {
    ...optional('minLength', count(schema, 'minLength')),
    ...optional('maxLength', count(schema, 'maxLength')),
    ...optional('pattern', text(schema, 'pattern')),
    ...optional('format', format),
  };
  if (Object.keys(bounds).length === 0) return textUntil(rules, end);
  try {
    const result = stringRule(rules, bounds, RAW);
    if (result === 'impossible') return undefined;
    if ('conflict' in result) throw unsupported(result.conflict, 'cannot be held');
    return sequence(result.rule, literal(end));
  } catch (error) {
    if (error instanceof UnsupportedPattern) throw unsupported('pattern', `uses ${error.message}`);
    throw error;
  }
}

/** Characters as they are, without the one that a mark begins with. */
const chars: CharWriter = (rules, ranges) => {
  const allowed = subtract(
    intersect(ranges, [
      [0x09, 0x0a],
      [0x20, 0xd7ff],
      [0xe000, MAX_CODE],
    ]),
    [[0x3c, 0x3c]],
  );
  if (allowed.length === 0)
    throw new UnsupportedPattern('a character that strings of this model cannot hold');
  const entries = allowed.map(([a, b]) =>
    a === b ? classChar(a) : `${classChar(a)}-${classChar(b)}`,
  );
  return rules.add('chars', `[${entries.join('')}]`);
};

const RAW: StringForm = {
  quote: '',
  anyChar: (rules) => chars(rules, [[0, MAX_CODE]]),
  chars,
};
