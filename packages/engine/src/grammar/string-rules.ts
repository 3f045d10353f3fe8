/** JSON strings with length, pattern and format, as grammars. */
import { type GrammarRules, repeat, sequence } from './grammar-rules.ts';
import { type CharWriter, compilePattern } from './pattern.ts';

export interface StringBounds {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

/** One code point inside a JSON string. Surrogate escapes are left out: each would count as half a character. */
const CHAR = String.raw`[^"\\\x7F\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" ( [0-9a-cefA-CEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2} ) )`;

export const charRule = (rules: GrammarRules): string => rules.add('char', CHAR);

const DATE = String.raw`\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))`;
const TIME = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)`;
const OCTET = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?';

/** Texts that are valid for a format: each pattern describes a part of what the format allows, never more. */
const FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  'date-time': `${DATE}T${TIME}`,
  duration: String.raw`P(?:\d{1,4}W|\d{1,4}D(?:T\d{1,4}H)?|T(?:\d{1,4}H|\d{1,4}M|\d{1,4}S))`,
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  email: String.raw`[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,12}`,
  hostname: String.raw`${LABEL}(?:\.${LABEL}){0,4}`,
  ipv4: `${OCTET}(?:\\.${OCTET}){3}`,
  ipv6: '[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}',
  uri: String.raw`(?:https?|ftp)://(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)*[a-z0-9]+(?:-[a-z0-9]+)*(?::\d{1,4})?(?:/[A-Za-z0-9._~-]*)*(?:\?[A-Za-z0-9._~=&-]+)?(?:#[A-Za-z0-9._~-]+)?`,
};

/** Formats that only describe, as OpenAPI documents use them: nothing to enforce on the text. */
const ANNOTATIONS = new Set([
  'password',
  'byte',
  'binary',
  'regex',
  'int32',
  'int64',
  'float',
  'double',
  'markdown',
  'textarea',
]);

export const isKnownFormat = (format: string): boolean =>
  Object.hasOwn(FORMATS, format) || ANNOTATIONS.has(format);

/** How a string is written: what stands around it, any character of it, one character of a set. */
export interface StringForm {
  readonly quote: string;
  anyChar(rules: GrammarRules): string;
  readonly chars?: CharWriter;
}

const JSON_FORM: StringForm = { quote: String.raw`"\""`, anyChar: charRule };

/**
 * A string in `form` (by default a JSON string, quotes included), or the name of the keyword that cannot be held together
 * with the others.
 *
 * @throws UnsupportedPattern when `pattern` uses what no grammar expresses.
 */
export function stringRule(
  rules: GrammarRules,
  bounds: StringBounds,
  form = JSON_FORM,
): { rule: string } | { conflict: string } | 'impossible' {
  const { minLength = 0, maxLength, pattern } = bounds;
  if (maxLength !== undefined && maxLength < minLength) return 'impossible';
  const formatSource = bounds.format === undefined ? undefined : FORMATS[bounds.format];
  if (pattern !== undefined && formatSource !== undefined)
    return { conflict: 'pattern together with format' };
  const source = pattern ?? (formatSource === undefined ? undefined : `^(?:${formatSource})$`);
  if (source === undefined) {
    const chars = repeat(
      rules,
      form.anyChar(rules),
      maxLength === undefined ? { min: minLength } : { min: minLength, max: maxLength },
    );
    return { rule: rules.add('string', sequence(form.quote, chars, form.quote) || '""') };
  }
  const compiled = compilePattern(rules, source, form.chars);
  if (compiled.minLength < minLength)
    return { conflict: 'minLength together with pattern or format' };
  if (compiled.maxLength > (maxLength ?? Infinity))
    return { conflict: 'maxLength together with pattern or format' };
  return { rule: rules.add('string', sequence(form.quote, compiled.body, form.quote)) };
}
