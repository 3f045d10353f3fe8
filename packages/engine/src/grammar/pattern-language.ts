/** Patterns as regular languages: with look-ahead, anchors anywhere, intersections and length bounds. Pure. */
import { MAX_CODE } from './code-ranges.ts';
import { parsePattern, type PatternNode, UnsupportedPattern } from './pattern-syntax.ts';
import type { Language, Languages } from './regular-language.ts';

/** Whether a position is the start of the text; undefined if that depends on the text. */
type AtStart = boolean | undefined;

/**
 * The texts that match `source` as JSON Schema defines it: anywhere, unless the pattern is anchored.
 *
 * @throws UnsupportedPattern
 */
export function patternLanguage(languages: Languages, source: string): Language {
  const tree = parsePattern(source);
  const { all } = languages;
  const first = language(languages, { node: tree, rest: all, atStart: true });
  const later = language(languages, { node: tree, rest: all, atStart: false });
  const before = languages.sequence(anyChar(languages), all);
  return languages.either([first, languages.sequence(before, later)]);
}

const anyChar = (languages: Languages): Language => languages.set([[0, MAX_CODE]]);

interface Place {
  readonly node: PatternNode;
  /** What may follow. */
  readonly rest: Language;
  readonly atStart: AtStart;
}

function language(languages: Languages, { node, rest, atStart }: Place): Language {
  languages.spend(1);
  switch (node.kind) {
    case 'set':
      return languages.sequence(languages.set(node.ranges), rest);
    case 'sequence': {
      const starts = startsWithin(node.items, atStart);
      return node.items.reduceRight(
        (behind, item, i) => language(languages, { node: item, rest: behind, atStart: starts[i] }),
        rest,
      );
    }
    case 'choice':
      return languages.either(
        node.options.map((option) => language(languages, { node: option, rest, atStart })),
      );
    case 'repeat':
      return repeated(languages, { node, rest, atStart });
    case 'anchor':
      if (node.at === 'end') return languages.both([languages.empty, rest]);
      if (atStart === undefined)
        throw new UnsupportedPattern('an anchor (^) after an optional part');
      return atStart ? rest : languages.none;
    case 'ahead': {
      const seen = language(languages, { node: node.item, rest: languages.all, atStart });
      return languages.both([node.isNegated ? languages.not(seen) : seen, rest]);
    }
  }
}

type Repeat = Extract<PatternNode, { readonly kind: 'repeat' }>;

/** The most repetitions of anchors and look-aheads, which are expanded one by one. */
const MAX_LOOKAROUNDS = 8;

function repeated(
  languages: Languages,
  { node, rest, atStart }: Place & { readonly node: Repeat },
): Language {
  const { item, min, max } = node;
  if (!hasLookaround(item)) {
    const once = language(languages, { node: item, rest: languages.empty, atStart: undefined });
    return languages.sequence(languages.repeat(once, min, max), rest);
  }
  if (max > MAX_LOOKAROUNDS)
    throw new UnsupportedPattern('an anchor or look-ahead that is repeated');
  let behind = rest;
  for (let times = max - 1; times >= 0; times--) {
    const before = times === 0 ? atStart : consumes(item) ? false : undefined;
    const more = language(languages, { node: item, rest: behind, atStart: before });
    behind = times >= min ? languages.either([more, rest]) : more;
  }
  return behind;
}

function hasLookaround(node: PatternNode): boolean {
  switch (node.kind) {
    case 'set':
      return false;
    case 'sequence':
      return node.items.some(hasLookaround);
    case 'choice':
      return node.options.some(hasLookaround);
    case 'repeat':
      return hasLookaround(node.item);
    case 'anchor':
    case 'ahead':
      return true;
  }
}

function startsWithin(items: readonly PatternNode[], atStart: AtStart): AtStart[] {
  let at = atStart;
  return items.map((item) => {
    const before = at;
    if (at === true && item.kind !== 'anchor' && item.kind !== 'ahead') {
      at = consumes(item) ? false : undefined;
    } else if (at === undefined && consumes(item)) at = false;
    return before;
  });
}

/** Whether every text of `node` is non-empty. */
function consumes(node: PatternNode): boolean {
  switch (node.kind) {
    case 'set':
      return true;
    case 'sequence':
      return node.items.some(consumes);
    case 'choice':
      return node.options.every(consumes);
    case 'repeat':
      return node.min > 0 && consumes(node.item);
    case 'anchor':
    case 'ahead':
      return false;
  }
}

/** Whether `text` belongs to `language`. @throws UnsupportedPattern when the check takes too long. */
export function matches(languages: Languages, wanted: Language, value: string): boolean {
  let at = wanted;
  for (const char of value) {
    if (at === languages.none) return false;
    at = languages.derivative(at, char.codePointAt(0) ?? 0);
  }
  return at.isNullable;
}
