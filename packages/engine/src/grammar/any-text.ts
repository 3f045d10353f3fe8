/** One of many texts, as a prefix tree. */
import { type GrammarRules, literal, sequence } from './grammar-rules.ts';

/** Up to this number, alternatives are listed one by one. */
const FEW = 32;

/** Deeper prefix trees are written as a list, because llama.cpp's grammar parser recurses per level. */
const MAX_DEPTH = 32;

/**
 * The alternatives for one of `texts`.
 *
 * llama.cpp follows all alternatives at once and compares them in pairs: a flat list of ten thousand took 0.7 s to
 * compile and 0.2 s per token, and blocks all requests during that time.
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

/** The longest common prefix of `texts`, in whole characters. */
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
