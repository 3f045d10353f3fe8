/** One of many texts, as a tree of what they begin with. */
import { type GrammarRules, literal, sequence } from './grammar-rules.ts';

/** So many alternatives are cheap to list one by one. */
const FEW = 32;

/** Longer chains of beginnings than any list of values has are listed: the grammar's reader calls itself for each. */
const MAX_DEPTH = 32;

/**
 * The alternatives for one of `texts`.
 *
 * The grammar's reader follows all alternatives at once and compares them in pairs: ten thousand side by side took 0.7 s
 * to read and 0.2 s a token, in which no request goes on.
 */
export function anyText(rules: GrammarRules, texts: Iterable<string>, depth = 0): string {
  const all = [...new Set(texts)];
  if (all.length <= FEW || depth === MAX_DEPTH) return all.map(literal).join(' | ');
  const groups = Map.groupBy(all, (text) => String.fromCodePoint(text.codePointAt(0) ?? 0));
  const options = Array.from(groups.values(), (group) => {
    const [first = ''] = group;
    if (group.length === 1) return literal(first);
    const begin = commonStart(group);
    const rest = anyText(
      rules,
      group.map((text) => text.slice(begin.length)),
      depth + 1,
    );
    return sequence(literal(begin), rules.add('text', rest));
  });
  return options.join(' | ');
}

/** Whole characters that all of `texts` begin with. */
function commonStart(texts: readonly string[]): string {
  const [first = ''] = texts;
  let length = first.length;
  for (const text of texts) {
    let same = 0;
    while (same < length && text[same] === first[same]) same++;
    length = same;
  }
  return first.slice(0, length).isWellFormed()
    ? first.slice(0, length)
    : first.slice(0, length - 1);
}
