/** Keys that stand without quotes, as grammars. */
import { type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';

/** Whether a key can be told from what stands around it. */
export const isBareKey = (name: string): boolean => /^[\w.$/-]{1,200}$/.test(name);

const WORD = Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_');

/** A bare key that is none of `names`: at each character, go on along a name or leave them all. */
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
