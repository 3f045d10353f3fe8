/** Grammars of keys without quotes. */
import { type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';

/** Whether a key is unambiguous without quotes. */
export const isBareKey = (name: string): boolean => /^[\w.$/-]{1,200}$/.test(name);

const WORD = Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_');

/** A bare key that is not in `names`: every character either follows a name or leaves all names. */
export function otherKeyRule(
  rules: GrammarRules,
  names: readonly string[],
  isFirst = true,
): string {
  const byFirst = Map.groupBy(
    names.filter((name) => name !== ''),
    (name) => String.fromCodePoint(name.codePointAt(0) ?? 0),
  );
  const along = WORD.flatMap((char) => {
    const rest = byFirst.get(char)?.map((name) => name.slice(char.length));
    return rest === undefined ? [] : [sequence(literal(char), otherKeyRule(rules, rest, false))];
  });
  const others = WORD.filter((char) => !byFirst.has(char)).join('');
  const leaving = others === '' ? [] : [`[${others}] [a-zA-Z0-9_]*`];
  const ending = isFirst || names.includes('') ? [] : ['""'];
  return rules.add('other-key', [...ending, ...along, ...leaving].join(' | '));
}
