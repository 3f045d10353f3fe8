/**
 * Regular expressions (the `u` dialect of ECMA-262 that JSON Schema names) as grammars of the same structure: no
 * look-around, no back-references, no `\b`, anchors only at the ends of top-level alternatives. `pattern-language.ts`
 * supports more.
 */
import { affordable, intersect, MAX_CODE, type Range, subtract } from './code-ranges.ts';
import {
  choice,
  classChar,
  type GrammarRules,
  literal,
  repeat,
  sequence,
} from './grammar-rules.ts';
import { lengths } from './pattern-lengths.ts';
import { type PatternNode, UnsupportedPattern } from './pattern-syntax.ts';

export interface CompiledPattern {
  /** GBNF for the text between the quotes. */
  readonly body: string;
  /** Code points of the shortest and longest match. */
  readonly minLength: number;
  readonly maxLength: number;
}

/** The rule of one code point of `ranges`, in the escaping of the surrounding text. */
export type CharWriter = (rules: GrammarRules, ranges: readonly Range[]) => string;

interface Target {
  readonly rules: GrammarRules;
  readonly chars: CharWriter;
}

/** @param chars - How a code point is written; by default as in a JSON string. @throws UnsupportedPattern */
export function compilePattern(
  rules: GrammarRules,
  tree: PatternNode,
  chars: CharWriter = jsonChars,
): CompiledPattern {
  const options = tree.kind === 'choice' ? tree.options : [tree];
  const compiled = options.map((option) => compileOption({ rules, chars }, option));
  return {
    body: choice(compiled.map((option) => option.body || '""')),
    minLength: Math.min(...compiled.map((option) => option.minLength)),
    maxLength: Math.max(...compiled.map((option) => option.maxLength)),
  };
}

function compileOption(target: Target, option: PatternNode): CompiledPattern {
  let items = option.kind === 'sequence' ? option.items : [option];
  const startsAnchored = isAnchor(items[0], 'start');
  if (startsAnchored) items = items.slice(1);
  const endsAnchored = isAnchor(items.at(-1), 'end');
  if (endsAnchored) items = items.slice(0, -1);
  return compileOpen(target, { kind: 'sequence', items }, { startsAnchored, endsAnchored });
}

function compileOpen(
  target: Target,
  node: PatternNode,
  ends: { startsAnchored: boolean; endsAnchored: boolean },
): CompiledPattern {
  const { rules, chars } = target;
  const any = repeat(rules, chars(rules, [[0, MAX_CODE]]), { min: 0 });
  const [min, max] = lengths(node);
  const open = !(ends.startsAnchored && ends.endsAnchored);
  return {
    body: sequence(
      ends.startsAnchored ? '' : any,
      emit(target, node),
      ends.endsAnchored ? '' : any,
    ),
    minLength: min,
    maxLength: open ? Infinity : max,
  };
}

const isAnchor = (node: PatternNode | undefined, at: 'start' | 'end'): boolean =>
  node?.kind === 'anchor' && node.at === at;

function emit(target: Target, node: PatternNode): string {
  const { rules, chars } = target;
  switch (node.kind) {
    case 'set':
      return chars(rules, node.ranges);
    case 'sequence':
      checkOptionalRun(node.items);
      return sequence(...node.items.map((item) => emit(target, item)));
    case 'choice':
      return choice(node.options.map((option) => emit(target, option) || '""'));
    case 'repeat': {
      if (isOptional(node.item) && node.max !== Infinity && node.max > MAX_OPTIONAL_RUN)
        throw new UnsupportedPattern('an optional part repeated a limited number of times');
      const item = rules.add('pattern', emit(target, node.item) || '""');
      return repeat(
        rules,
        item,
        node.max === Infinity ? { min: node.min } : { min: node.min, max: node.max },
      );
    }
    case 'anchor':
      throw new UnsupportedPattern(
        `an anchor (${node.at === 'start' ? '^' : '$'}) inside the pattern`,
      );
    case 'ahead':
      throw new UnsupportedPattern('a look-ahead');
  }
}

/**
 * The most consecutive optional parts. llama.cpp keeps every possible parse of a text: 32 such parts took 0.1 s per
 * token and 64 took 2 s, which blocks all requests.
 */
const MAX_OPTIONAL_RUN = 16;

const isOptional = (node: PatternNode): boolean => lengths(node)[0] === 0;

function checkOptionalRun(items: readonly PatternNode[]): void {
  let run = 0;
  for (const item of items) {
    run = item.kind !== 'anchor' && isOptional(item) ? run + 1 : 0;
    if (run > MAX_OPTIONAL_RUN)
      throw new UnsupportedPattern(`more than ${MAX_OPTIONAL_RUN} optional parts in a row`);
  }
}

const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  0x08: 'b',
  0x09: 't',
  0x0a: 'n',
  0x0c: 'f',
  0x0d: 'r',
  0x22: '"',
  0x5c: '\\',
};

/** One code point of `ranges` within a JSON string. */
export function jsonChars(rules: GrammarRules, ranges: readonly Range[]): string {
  const [[from, to] = [0, 0], ...more] = ranges;
  if (more.length === 0 && from === to && /[\w .:/-]/.test(String.fromCodePoint(from)))
    return literal(String.fromCodePoint(from));
  const options: string[] = [];
  const writable = intersect(ranges, [
    [0x20, 0xd7ff],
    [0xe000, MAX_CODE],
  ]);
  const escaped: readonly Range[] = [
    [0x22, 0x22],
    [0x5c, 0x5c],
    [0x7f, 0x7f],
  ];
  const plain = affordable(subtract(writable, escaped));
  if (plain.length > 0)
    options.push(
      `[${plain.map(([a, b]) => (a === b ? classChar(a) : `${classChar(a)}-${classChar(b)}`)).join('')}]`,
    );
  for (const [code, short] of Object.entries(SHORT_ESCAPES)) {
    if (intersect(ranges, [[Number(code), Number(code)]]).length > 0)
      options.push(literal(`\\${short}`));
  }
  if (options.length === 0) {
    const first = ranges[0];
    if (first === undefined) throw new UnsupportedPattern('an empty character class');
    options.push(literal(`\\u${first[0].toString(16).padStart(4, '0')}`));
  }
  return rules.add('chars', options.join(' | '));
}
