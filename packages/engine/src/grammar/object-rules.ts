/** JSON objects: declared members in order, optional ones present or absent, then additional properties. */
import { type GrammarRules, literal, repeat, sequence } from './grammar-rules.ts';
import { count, optional } from './schema-keywords.ts';
import { type FlatSchema, unsupported } from './schema.ts';
import { charRule } from './string-rules.ts';

/** One declared property. */
export interface Member {
  /** The rule of `"key": value`. */
  readonly rule: string;
  readonly isRequired: boolean;
}

interface ObjectParts {
  readonly members: readonly Member[];
  /** The rule of an undeclared property; undefined if none may be written. */
  readonly extra: string | undefined;
}

/** White space between tokens of JSON; bounded, so that a model cannot write it endlessly. */
const SPACE = String.raw`| " " | "\n" [ \t]{0,20}`;

export const spaceRule = (rules: GrammarRules): string => rules.add('ws', SPACE);

/** The body of an object, or undefined if no object is valid. @throws CortexError naming the unsupported keyword. */
export function objectRule(
  rules: GrammarRules,
  schema: FlatSchema,
  { members, extra }: ObjectParts,
): string | undefined {
  const requiredCount = members.filter((member) => member.isRequired).length;
  const min = count(schema, 'minProperties') ?? 0;
  const max = count(schema, 'maxProperties') ?? Infinity;
  if (max < requiredCount || max < min) return undefined;
  if (members.length < min && extra === undefined) return undefined;
  if (min > Math.max(requiredCount, members.length === 0 ? 1 : 0)) {
    throw unsupported('minProperties', 'is not supported above the number of required properties');
  }
  if (members.length > max) {
    throw unsupported('maxProperties', 'is not supported below the number of declared properties');
  }
  const extras = extraLists(rules, { extra, most: max - members.length });
  const space = spaceRule(rules);
  const inside =
    members.length > 0 ? memberList(rules, members, extras) : min > 0 ? extras.some : extras.first;
  return sequence('"{"', space, inside, '"}"');
}

interface ExtraLists {
  /** One or more, as the first members. */
  readonly some: string;
  /** Zero or more, as the first members. */
  readonly first: string;
  /** Zero or more, after another member. */
  readonly later: string;
}

function extraLists(
  rules: GrammarRules,
  { extra, most }: { readonly extra: string | undefined; readonly most: number },
): ExtraLists {
  if (extra === undefined || most < 1) return { some: '', first: '', later: '' };
  const space = spaceRule(rules);
  const next = rules.add('next-member', sequence('","', space, extra, space));
  const upTo = (max: number): string =>
    repeat(rules, next, { min: 0, ...optional('max', max === Infinity ? undefined : max) });
  const some = sequence(extra, space, upTo(most - 1));
  return {
    some,
    first: rules.add('extras', `( ${some} )?`),
    later: rules.add('extras', upTo(most)),
  };
}

/** Two rules per member, with and without a member before it, so the size is linear in the number of members. */
function memberList(rules: GrammarRules, members: readonly Member[], extras: ExtraLists): string {
  const space = spaceRule(rules);
  const comma = sequence('","', space);
  let { first, later } = extras;
  for (const member of members.toReversed()) {
    const own = sequence(member.rule, space, later);
    const behind = sequence(comma, own);
    first = rules.add('members', member.isRequired ? own : `${own} | ${first || '""'}`);
    later = rules.add('members', member.isRequired ? behind : `${behind} | ${later || '""'}`);
  }
  return first;
}

/** A quoted key that is not in `names`: every character either follows a name or leaves all names. */
export function otherKeyRule(rules: GrammarRules, names: readonly string[]): string {
  const quote = String.raw`"\""`;
  if (names.length === 0) return rules.add('key', sequence(quote, `${charRule(rules)}*`, quote));
  // A name that needs escapes cannot be written with plain characters, so it need not be excluded.
  const plainNames = names.filter(
    (name) => JSON.stringify(name) === `"${name}"` && !name.includes('\x7f'),
  );
  return rules.add('key', sequence(quote, notIn(rules, plainNames), quote));
}

/** Characters of a key that is compared. Escapes are excluded, because they could spell a name in another way. */
const PLAIN = String.raw`^"\\\x7F\x00-\x1F`;

/** The number of characters of a name that are compared. Keys with the same prefix of this length are excluded. */
const MAX_COMPARED = 64;

function notIn(rules: GrammarRules, names: readonly string[], depth = 0): string {
  const plain = rules.add('key-char', `[${PLAIN}]`);
  const byFirst = Map.groupBy(
    names.filter((name) => name !== ''),
    (name) => String.fromCodePoint(name.codePointAt(0) ?? 0),
  );
  const alongNames = [...(depth < MAX_COMPARED ? byFirst : [])].map(([char, group]) => {
    const rest = group.map((name) => name.slice(char.length));
    return sequence(literal(char), notIn(rules, rest, depth + 1));
  });
  const firsts = [...byFirst.keys()].map(classEntry).join('');
  const leaving = sequence(`[${PLAIN}${firsts}]`, `${plain}*`);
  return rules.add(
    'other-key',
    [...(names.includes('') ? [] : ['""']), ...alongNames, leaving].join(' | '),
  );
}

function classEntry(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x80 && !/[a-zA-Z0-9_]/.test(char)
    ? `\\x${code.toString(16).padStart(2, '0').toUpperCase()}`
    : char;
}
