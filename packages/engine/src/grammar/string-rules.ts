/** JSON strings with length, patterns and format, as grammars. */
import { type GrammarRules, repeat, sequence } from './grammar-rules.ts';
import { joinedBody, shorterBody, type StringForm } from './joined-patterns.ts';
import { compilePattern } from './pattern.ts';
import { capped, type LengthBounds, tightened } from './pattern-lengths.ts';
import {
  parsePattern,
  type PatternNode,
  unicodeSetsIn,
  UnsupportedPattern,
} from './pattern-syntax.ts';
import { unsupported } from './schema.ts';
import { formatPattern, shortFormatPattern } from './string-formats.ts';

export interface StringBounds {
  readonly minLength?: number;
  readonly maxLength?: number;
  /** All of them must match. */
  readonly patterns?: readonly string[];
  readonly format?: string;
  /** Excluded texts. */
  readonly except?: readonly string[];
}

/**
 * One code point inside a JSON string. Surrogate escapes are excluded, because each would count as half a character.
 */
const CHAR = String.raw`[^"\\\x7F\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" ( [0-9a-cefA-CEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2} ) )`;

export const charRule = (rules: GrammarRules): string => rules.add('char', CHAR);

const JSON_FORM: StringForm = { quote: String.raw`"\""`, anyChar: charRule };

/**
 * A string in `form` (by default a JSON string, quotes included), or undefined if no string is valid.
 *
 * @throws CortexError naming the keyword that a grammar cannot express.
 */
export function stringRule(
  rules: GrammarRules,
  bounds: StringBounds,
  form = JSON_FORM,
): string | undefined {
  const { minLength = 0, maxLength = Infinity } = bounds;
  if (maxLength < minLength) return undefined;
  const patterns = [...new Set(bounds.patterns ?? [])];
  const ofFormat = formatPattern(bounds.format);
  const sources = ofFormat === undefined ? patterns : [...patterns, ofFormat];
  const [source, ...others] = sources;
  if (source === undefined && bounds.except === undefined) {
    const chars = repeat(rules, form.anyChar(rules), {
      min: minLength,
      ...(maxLength === Infinity ? {} : { max: maxLength }),
    });
    return rules.add('string', sequence(form.quote, chars, form.quote) || '""');
  }
  for (const text of patterns) rules.spend(UNICODE_STEPS * unicodeSetsIn(text));
  const except = bounds.except ?? [];
  try {
    const body =
      source !== undefined && others.length === 0 && except.length === 0
        ? singlePatternBody(rules, { source, format: bounds.format, minLength, maxLength, form })
        : shorterBody(rules, { sources, except, minLength, maxLength, form });
    if (body !== undefined)
      return rules.add('string', sequence(form.quote, body, form.quote) || '""');
  } catch (error) {
    if (error instanceof UnsupportedPattern)
      throw unsupported(patterns.length > 0 ? 'pattern' : 'format', `uses ${error.message}`);
    throw error;
  }
  // The pattern of a format covers only a subset of it, so an empty intersection does not mean that no text is valid.
  if (ofFormat !== undefined)
    throw unsupported(
      'format',
      `is "${bounds.format}", which cannot be combined with the other keywords of this string; remove one of them`,
    );
  return undefined;
}

/** The number of steps that a Unicode property escape counts as. */
const UNICODE_STEPS = 6000;

interface Bounded extends LengthBounds {
  readonly form: StringForm;
}

interface Sole extends Bounded {
  readonly source: string;
  /** Set if the pattern comes from the format. */
  readonly format: string | undefined;
}

/**
 * The texts of one pattern: with the structure of the pattern if possible, else as an automaton, else only the shorter
 * texts.
 */
function singlePatternBody(rules: GrammarRules, sole: Sole): string | undefined {
  const { source, format, minLength, maxLength, form } = sole;
  const short = maxLength === Infinity ? undefined : shortFormatPattern(format, maxLength);
  const plain =
    plainBody(rules, tightened(parsePattern(source), sole), sole) ??
    (short === undefined ? undefined : plainBody(rules, parsePattern(short), sole));
  if (plain !== undefined) return plain;
  const joined = { sources: [source], except: [], minLength, maxLength, form };
  try {
    return joinedBody(rules, joined);
  } catch (error) {
    if (!(error instanceof UnsupportedPattern) || maxLength === Infinity) throw error;
    const shorter = capped(parsePattern(source), maxLength);
    const body = shorter === undefined ? undefined : plainBody(rules, shorter, sole);
    return body ?? shorterBody(rules, joined);
  }
}

/** A rule body with the structure of the pattern, or undefined if it needs an automaton. */
function plainBody(
  rules: GrammarRules,
  tree: PatternNode,
  { minLength, maxLength, form }: Bounded,
): string | undefined {
  try {
    const compiled = compilePattern(rules, tree, form.chars);
    const isWithin = compiled.minLength >= minLength && compiled.maxLength <= maxLength;
    return isWithin ? compiled.body : undefined;
  } catch (error) {
    if (error instanceof UnsupportedPattern) return undefined;
    throw error;
  }
}
