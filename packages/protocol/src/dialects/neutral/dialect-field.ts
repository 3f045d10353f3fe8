import { CortexError } from '../../errors.ts';
import type { FieldRule, FieldsOf, Neutral } from '../../field-rule.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { isExactObject, toNumber } from './exact-json.ts';

/** The routes whose bodies are translated for a node. */
export type DialectRoute =
  | '/v1/messages'
  | '/v1/messages/count_tokens'
  | '/v1/responses'
  | '/api/chat'
  | '/api/generate'
  | '/api/embed'
  | '/api/embeddings'
  | '/api/show';

/** Left out, although it would change the answer: a client that sends it with every request must not fail. */
interface DroppedRule {
  readonly kind: 'dropped';
  readonly why: string;
  /** Whether the client is told of it in the header for tools, or in that for fields. */
  readonly namedAs: 'tool' | 'field';
  readonly neutral?: Neutral | undefined;
}

export type DialectFieldRule = FieldRule | DroppedRule;

/**
 * Fields by their path: `thinking.type`, `tools[].name`. `[text]` stands for the elements of a list whose `type` is
 * `text`, or is `text` with the date of a version: `tools[bash]`; a message without a type has its role. A member of a field that is refused or left out as a
 * whole has no row.
 */
export type DialectFields = FieldsOf<DialectRoute, DialectFieldRule>;

/** The header `x-cortex-dropped-fields` names the field, unless its value is `neutral`. */
export const dropped = (why: string, neutral?: Neutral): DialectFieldRule => ({
  kind: 'dropped',
  why,
  namedAs: 'field',
  neutral,
});

/** The header `x-cortex-dropped-tools` names what is in the field. */
export const droppedTool = (why: string): DialectFieldRule => ({
  kind: 'dropped',
  why,
  namedAs: 'tool',
});

/** The type of an element without the date of its version, as of `bash_20250124` or `web_search_2025_08_26`, or its role. */
function kindOf(element: unknown): string | undefined {
  if (!isExactObject(element)) return undefined;
  const kind = element['type'] ?? element['role'];
  return typeof kind === 'string' ? kind.replace(/_\d{4}(?:\d{4}|_\d\d_\d\d)$/, '') : undefined;
}

type CheckedRule = Exclude<DialectFieldRule, { readonly kind: 'honoured' | 'tolerated' }>;

interface Row {
  readonly field: string;
  readonly rule: CheckedRule;
}

/** The rows of a place in the body, and of the places below it, so that a body is walked once. */
interface Level {
  readonly rows: Row[];
  /** By the name of a member, `[]`, or a type in brackets. */
  readonly below: Map<string, Level>;
}

const newLevel = (): Level => ({ rows: [], below: new Map() });

/** `tools[].name` → `tools`, `[]`, `name`. */
const stepsOf = (field: string): readonly string[] => field.replaceAll('[', '.[').split('.');

/** The steps from a list to one of its elements. */
function stepsTo(element: unknown): readonly string[] {
  const kind = kindOf(element);
  return kind === undefined ? ['[]'] : ['[]', `[${kind}]`];
}

function levelsOf(rows: readonly Row[]): Level {
  const top = newLevel();
  for (const row of rows) {
    let level = top;
    for (const step of stepsOf(row.field)) {
      const next = level.below.get(step) ?? newLevel();
      level.below.set(step, next);
      level = next;
    }
    level.rows.push(row);
  }
  return top;
}

/** The rows that ask for something, each with the first place where it does. */
type Asked = Map<Row, string>;

interface Found {
  /** Where the value is in the body: `messages[0].content`. */
  readonly at: string;
  readonly asked: Asked;
  readonly body: JsonObject;
}

function collect(value: unknown, { rows, below }: Level, found: Found): void {
  if (value === undefined || value === null) return;
  const { at, asked, body } = found;
  for (const row of rows) {
    const asks = row.rule.neutral?.has(toNumber(value), body) !== true;
    if (asks && !asked.has(row)) asked.set(row, at);
  }
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries())
      for (const step of stepsTo(element)) {
        const next = below.get(step);
        if (next !== undefined) collect(element, next, { ...found, at: `${at}[${index}]` });
      }
  } else if (isExactObject(value)) {
    for (const [key, next] of below)
      if (Object.hasOwn(value, key))
        collect(value[key], next, { ...found, at: at === '' ? key : `${at}.${key}` });
  }
}

/** @param at - where the field is in the body */
function refusal({ field, rule }: Row, at: string): CortexError {
  const param = field.endsWith('[]') ? field.slice(0, -2) : at;
  const type = /\[(\w+)\]$/.exec(field)?.[1];
  const what = type === undefined ? 'is not' : `is of type "${type}", which is not`;
  const instead = rule.kind === 'refused' ? rule.instead : undefined;
  const words = instead === undefined ? '' : `; use ${instead.replaceAll('`', '"')}`;
  return new CortexError('unsupported_parameter', `"${param}" ${what} supported here${words}.`, {
    param,
  });
}

/** Whether the check of a body has to do with a rule: tools that are left out are named by those who read them. */
const isChecked = (rule: DialectFieldRule): rule is CheckedRule =>
  rule.kind === 'refused' || (rule.kind === 'dropped' && rule.namedAs === 'field');

/**
 * What `route` does with the fields that it does not read: refuses them, or tells which of them it leaves out.
 *
 * @returns a function of the body, parsed by `parseBody`, to the fields that are left out
 * @throws CortexError (the function) `unsupported_parameter` naming the first field that is refused
 */
export function fieldCheck(
  groups: readonly DialectFields[],
  route: DialectRoute,
): (body: JsonObject) => readonly string[] {
  const rows = groups
    .filter(({ routes }) => routes.includes(route))
    .flatMap(({ fields }) => Object.entries(fields))
    .flatMap(([field, rule]): readonly Row[] => (isChecked(rule) ? [{ field, rule }] : []));
  const levels = levelsOf(rows);
  return (body) => {
    const asked: Asked = new Map();
    collect(body, levels, { at: '', asked, body });
    return rows.flatMap((row) => {
      const at = asked.get(row);
      if (at === undefined) return [];
      if (row.rule.kind === 'refused') throw refusal(row, at);
      return [row.field];
    });
  };
}
