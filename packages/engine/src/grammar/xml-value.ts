/** Values between XML tags: strings without quotes, other types as JSON. */
import { anyText } from './any-text.ts';
import { MAX_CODE } from './code-ranges.ts';
import { choice, type GrammarRules, literal, sequence } from './grammar-rules.ts';
import { jsonSchemaRule, type SchemaReader } from './json-schema.ts';
import type { CharWriter } from './pattern.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';
import { rawChars } from './raw-strings.ts';
import { type FlatSchema, type Schema } from './schema.ts';
import { stringBounds, typesOf } from './schema-keywords.ts';
import type { StringForm } from './joined-patterns.ts';
import { stringRule } from './string-rules.ts';
import { textUntil } from './text-until.ts';

interface XmlValue {
  /** Of the document that references point into. */
  readonly reader: SchemaReader;
  /** What follows the value: the line break, which is optional if the text has no bounds, and the tag. */
  readonly lineBreak: string;
  readonly endParameter: string;
}

/** Prefixes that would make a text read as JSON or as a Python constant. */
const JSON_STARTS = [
  ...Array.from('{[-0123456789 \n\t\r'),
  'true',
  'false',
  'null',
  'True',
  'False',
  'None',
];

/**
 * A value and its end, or undefined if there is none.
 *
 * @throws CortexError naming the keyword that cannot be enforced.
 */
export function xmlValueRule(
  rules: GrammarRules,
  schema: Schema,
  { reader, lineBreak, endParameter }: XmlValue,
): string | undefined {
  const end = lineBreak + endParameter;
  const options = reader.alternatives(schema).flatMap((option) => splitTypes(option, reader));
  const others = options.filter((option) => !isText(option));
  // A text that looks like a value of another type is read as that type, so the value must be valid.
  const isStrict = others.some((option) => Object.keys(option).some((key) => key !== 'type'));
  const texts = options
    .filter(isText)
    .flatMap((option) => textRule(rules, option, { isStrict, end, tag: endParameter }) ?? []);
  const json =
    others.length === 0
      ? []
      : [sequence(jsonSchemaRule(rules, { anyOf: others }, reader), literal(end))];
  const all = [...texts, ...json];
  return all.length === 0 ? undefined : rules.add('value', choice(all));
}

/** One alternative for strings and one for other types. */
function splitTypes(option: FlatSchema, reader: SchemaReader): FlatSchema[] {
  const allowed = reader.listed(option);
  if (allowed !== undefined) {
    const [texts, others] = [true, false].map((isString) =>
      allowed.filter((value) => (typeof value === 'string') === isString),
    );
    return [texts, others].flatMap((list) => (list?.length ? [{ enum: list }] : []));
  }
  const types = typesOf(option);
  const others = types.filter((type) => type !== 'string');
  const { type: _, ...rest } = option;
  return [
    ...(types.includes('string') ? [{ ...rest, type: 'string' }] : []),
    ...(others.length > 0 ? [{ ...withoutTextKeywords(rest), type: others }] : []),
  ];
}

function withoutTextKeywords(option: FlatSchema): FlatSchema {
  const { minLength: _, maxLength: __, pattern: ___, format: ____, ...rest } = option;
  return rest;
}

const isText = (option: FlatSchema): boolean =>
  option['type'] === 'string' ||
  (Array.isArray(option['enum']) && option['enum'].every((value) => typeof value === 'string'));

interface TextEnd {
  /** The text must not look like JSON. */
  readonly isStrict: boolean;
  readonly end: string;
  readonly tag: string;
}

function textRule(
  rules: GrammarRules,
  option: FlatSchema,
  { isStrict, end, tag }: TextEnd,
): string | undefined {
  const values = option['enum'];
  if (Array.isArray(values)) {
    const texts = values.map(String).filter((value) => !isStrict || !looksLikeJson(value));
    if (texts.length === 0) return undefined;
    return sequence(rules.add('text', anyText(rules, texts)), literal(end));
  }
  const bounds = stringBounds(option);
  if (Object.keys(bounds).length === 0)
    return textUntil(rules, tag, { notFirst: isStrict ? JSON_STARTS : [] });
  // It is unknown here which of the bounded texts look like JSON.
  if (isStrict) return undefined;
  const rule = stringRule(rules, bounds, RAW);
  return rule === undefined ? undefined : sequence(rule, literal(end));
}

const looksLikeJson = (value: string): boolean =>
  JSON_STARTS.some((start) => value.startsWith(start));

/** Unescaped characters, without the first character of a tag unless nothing else is left. */
const tagChars: CharWriter = (rules, ranges) => {
  const plain = rawChars(rules, ranges);
  if (plain !== undefined) return plain;
  const [first] = ranges;
  if (first === undefined) throw new UnsupportedPattern('an empty character class');
  return rules.add('chars', literal(String.fromCodePoint(first[0])));
};

const RAW: StringForm = {
  quote: '',
  anyChar: (rules) => tagChars(rules, [[0, MAX_CODE]]),
  chars: tagChars,
};
