/** The formats of strings and numbers, as patterns of texts that are certainly valid. Pure. */

const DATE = String.raw`\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))`;
const ZONE = String.raw`(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)`;
const CLOCK = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?`;
const OCTET = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?';
/**
 * The last label starts with a letter, or the name is an IPv4 address: validators read other names as malformed
 * addresses.
 */
const HOST = String.raw`(?:(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)*[a-z][a-z0-9]*(?:-[a-z0-9]+)*|${OCTET}(?:\.${OCTET}){3})`;
const EMAIL = String.raw`[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,12}`;
const HOSTNAME = String.raw`${LABEL}(?:\.${LABEL}){0,4}`;
const PATH = String.raw`(?:/[A-Za-z0-9._~-]*)*`;
const QUERY = String.raw`(?:\?[A-Za-z0-9._~=&-]+)?(?:#[A-Za-z0-9._~-]+)?`;
const URI = String.raw`(?:https?|ftp)://${HOST}(?::\d{1,4})?${PATH}${QUERY}`;
const REFERENCE = String.raw`(?:(?:https?|ftp)://${HOST})?/[A-Za-z0-9._~-]+${PATH}${QUERY}`;
const POINTER = String.raw`(?:/(?:[^~/]|~[01])*)*`;
const REGEX_CHAR = String.raw`(?:[A-Za-z0-9 _,:;@/=&%#'!-]|\\[dDsSwW.+*?()|^$/\\-]|\.|\[\^?[A-Za-z0-9_]+\])`;
const REGEX_RUN = String.raw`(?:${REGEX_CHAR}[*+?]?)`;

/**
 * Texts that are valid for a format: each pattern describes a subset of the format. These are the formats that JSON
 * Schema 2020-12 and OpenAPI 3 define.
 */
const PATTERNS: Readonly<Record<string, string>> = {
  date: DATE,
  time: CLOCK + ZONE,
  'date-time': `${DATE}T${CLOCK}${ZONE}`,
  'iso-time': `${CLOCK}${ZONE}?`,
  'iso-date-time': `${DATE}T${CLOCK}${ZONE}?`,
  duration: String.raw`P(?:\d{1,4}W|\d{1,4}D(?:T\d{1,4}H)?|T(?:\d{1,4}H|\d{1,4}M|\d{1,4}S))`,
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  email: EMAIL,
  'idn-email': EMAIL,
  hostname: HOSTNAME,
  'idn-hostname': HOSTNAME,
  ipv4: `${OCTET}(?:\\.${OCTET}){3}`,
  ipv6: '[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}',
  uri: URI,
  iri: URI,
  url: String.raw`(?:https?|ftp)://(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,12}(?::\d{2,4})?(?:/${PATH}${QUERY})?`,
  'uri-reference': REFERENCE,
  'iri-reference': REFERENCE,
  'uri-template': String.raw`(?:https?://${HOST})?(?:/(?:[A-Za-z0-9._~-]|\{[a-z0-9_]+\})*)+`,
  'json-pointer': POINTER,
  'json-pointer-uri-fragment': String.raw`#(?:/(?:[a-zA-Z0-9_.-]|~[01])*)*`,
  'relative-json-pointer': `(?:0|[1-9][0-9]{0,3})(?:#|${POINTER})`,
  regex: String.raw`\^?(?:${REGEX_RUN}|\(${REGEX_RUN}+(?:\|${REGEX_RUN}+)*\)[*+?]?)*\$?`,
  byte: '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?',
};

/** Formats that limit numbers: the bounds of each integer format. */
const NUMBERS: Readonly<Record<string, { readonly min?: number; readonly max?: number }>> = {
  int32: { min: -(2 ** 31), max: 2 ** 31 - 1 },
  int64: {},
};

/**
 * The pattern of a whole text in `format`, or undefined if the format does not apply to strings.
 *
 * A format that no specification defines is only an annotation (JSON Schema 2020-12, section 7.2.3), such as zod's
 * `starts_with`.
 */
export const formatPattern = (format: string | undefined): string | undefined =>
  format !== undefined && Object.hasOwn(PATTERNS, format) ? `^(?:${PATTERNS[format]})$` : undefined;

/** URLs with a length bound: a host name of three labels, then a path and a query within the remaining length. */
function shortUri(names: string, maxLength: number): string | undefined {
  const room = maxLength - 'https://'.length - 3 * 20 - ':9999'.length;
  if (room < 24) return undefined;
  const segment = Math.floor(room / 2 / 6) - 1;
  const query = Math.floor(room / 2) - 1;
  const path = String.raw`(?:/[A-Za-z0-9._~-]{0,${segment}}){0,5}`;
  return String.raw`https?://(?:[a-z0-9]{1,9}(?:-[a-z0-9]{1,9})?\.)${names}[a-z]{2,12}(?::\d{2,4})?(?:/${path}(?:\?[A-Za-z0-9._~=&-]{1,${query}})?)?`;
}

/** A pattern for some texts of `format` up to `maxLength`, if the full pattern has longer ones. */
export function shortFormatPattern(
  format: string | undefined,
  maxLength: number,
): string | undefined {
  const isUri = format === 'uri' || format === 'iri';
  const source =
    isUri || format === 'url' ? shortUri(isUri ? '{0,2}' : '{1,2}', maxLength) : undefined;
  return source === undefined ? undefined : `^(?:${source})$`;
}

/** The bounds of the integers of `format`, or undefined if it does not apply to numbers. */
export const formatIntegers = (
  format: string | undefined,
): { readonly min?: number; readonly max?: number } | undefined =>
  format !== undefined && Object.hasOwn(NUMBERS, format) ? NUMBERS[format] : undefined;

/** Whether `format` constrains any value. */
export const isEnforcedFormat = (format: string): boolean =>
  formatPattern(format) !== undefined || formatIntegers(format) !== undefined;
