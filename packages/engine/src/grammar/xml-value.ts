/** Values between XML tags: strings as they are, all else as JSON. */
import { anyText } from './any-text.ts';
import { intersect, MAX_CODE, subtract } from './code-ranges.ts';
import { choice, classChar, type GrammarRules, literal, sequence } from './grammar-rules.ts';
import { alternatives, jsonSchemaRule } from './json-schema.ts';
import type { CharWriter } from './pattern.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';
import { count, isAllowed, optional, text, typesOf } from './schema-keywords.ts';
import { type FlatSchema, type Schema, unsupported } from './schema-merge.ts';
import { isKnownFormat, type StringForm, stringRule } from './string-rules.ts';
import { textUntil } from './text-until.ts';

interface XmlValue {
  /** The schema that references point into. */
  readonly root: Schema;
  /** What stands behind the value: the break, which may be left out where nothing bounds the text, and the tag. */
  readonly lineBreak: string;
  readonly endParameter: string;
}

/** What a text must not begin with so as not to be read as JSON, or as a constant of Python. */
const JSON_STARTS = [
  ...Array.from('{[-0123456789 \n\t\r'),
  'true',
  'false',
  'null',
  'True',
  'False',
  'None',
];

/** A value and what ends it, or undefined when there is none. @throws CortexError naming the keyword that cannot be held. */
export function xmlValueRule(
  rules: GrammarRules,
  schema: Schema,
  { root, lineBreak, endParameter }: XmlValue,
): string | undefined {
  const end = lineBreak + endParameter;
  const options = alternatives(schema, root).flatMap(splitTypes);
  const others = options.filter((option) => !isText(option));
  // A text that looks like a value of another type is read as one: that must be a valid one.
  const isStrict = others.some((option) => Object.keys(option).some((key) => key !== 'type'));
  const texts = options
    .filter(isText)
    .flatMap((option) => textRule(rules, option, { isStrict, end, tag: endParameter }) ?? []);
  const json =
    others.length === 0
      ? []
      : [sequence(jsonSchemaRule(rules, { anyOf: others }, root), literal(end))];
  const all = [...texts, ...json];
  return all.length === 0 ? undefined : rules.add('value', choice(all));
}

/** One alternative for texts and one for all else. */
function splitTypes(option: FlatSchema): FlatSchema[] {
  const values = option['enum'];
  if (Array.isArray(values)) {
    const allowed = values.filter((value) => isAllowed(value, option));
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
  const bounds = {
    ...optional('minLength', count(option, 'minLength')),
    ...optional('maxLength', count(option, 'maxLength')),
    ...optional('pattern', text(option, 'pattern')),
    ...optional('format', text(option, 'format')),
  };
  const isFree =
    bounds.minLength === undefined && bounds.maxLength === undefined && !('pattern' in bounds);
  if (isFree && !isEnforcedFormat(bounds.format))
    return textUntil(rules, tag, { notFirst: isStrict ? JSON_STARTS : [] });
  // Which of the bounded texts look like JSON cannot be told here.
  if (isStrict) return undefined;
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

function isEnforcedFormat(format: string | undefined): boolean {
  if (format === undefined) return false;
  if (isKnownFormat(format)) return true;
  throw unsupported('format', `names "${format}", which is not known`);
}

const looksLikeJson = (value: string): boolean =>
  JSON_STARTS.some((start) => value.startsWith(start));

/** Characters as they are; without the one that begins a tag, unless nothing else is left. */
const rawChars: CharWriter = (rules, ranges) => {
  const plain = subtract(
    intersect(ranges, [
      [0x09, 0x0a],
      [0x20, 0xd7ff],
      [0xe000, MAX_CODE],
    ]),
    [[0x3c, 0x3c]],
  );
  const [first] = ranges;
  if (plain.length === 0 && first === undefined)
    throw new UnsupportedPattern('an empty character class');
  if (plain.length === 0) return rules.add('chars', literal(String.fromCodePoint(first?.[0] ?? 0)));
  const entries = plain.map(([a, b]) =>
    a === b ? classChar(a) : `${classChar(a)}-${classChar(b)}`,
  );
  return rules.add('chars', `[${entries.join('')}]`);
};

const RAW: StringForm = {
  quote: '',
  anyChar: (rules) => rawChars(rules, [[0, MAX_CODE]]),
  chars: rawChars,
};
