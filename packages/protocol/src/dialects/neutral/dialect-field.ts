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
 * Fields by their path: `thinking.type`, `tools[].name`. A member of a field that is refused or left out as a whole has
 * no row.
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

type Path = readonly string[];

/** `tools[].name` → `tools`, `[]`, `name`. */
const pathOf = (field: string): Path => field.replaceAll('[]', '.[]').split('.');

/** The values of a field, one for each element of a list on its way. */
function valuesAt(value: unknown, [key, ...rest]: Path): readonly unknown[] {
  if (key === undefined) return value === undefined || value === null ? [] : [value];
  if (key === '[]')
    return Array.isArray(value) ? value.flatMap((element) => valuesAt(element, rest)) : [];
  return isExactObject(value) && Object.hasOwn(value, key) ? valuesAt(value[key], rest) : [];
}

const asksFor = (body: JsonObject, path: Path, neutral: Neutral | undefined): boolean =>
  valuesAt(body, path).some((value) => neutral?.has(toNumber(value), body) !== true);

function refusal(field: string, instead: string | undefined): CortexError {
  const param = field.replace(/\[\]$/, '');
  const words = instead === undefined ? '' : `; use ${instead.replaceAll('`', '"')}`;
  return new CortexError('unsupported_parameter', `"${param}" is not supported here${words}.`, {
    param,
  });
}

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
    .filter(([, { kind }]) => kind === 'refused' || kind === 'dropped')
    .map(([field, rule]) => ({ field, rule, path: pathOf(field) }));
  return (body) =>
    rows.flatMap(({ field, rule, path }) => {
      if (rule.kind === 'refused' && asksFor(body, path, rule.neutral))
        throw refusal(field, rule.instead);
      const isDropped = rule.kind === 'dropped' && rule.namedAs === 'field';
      return isDropped && asksFor(body, path, rule.neutral) ? [field] : [];
    });
}
