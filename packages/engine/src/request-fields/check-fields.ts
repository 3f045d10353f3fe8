import { CortexError, type FieldRule } from '@cortex/protocol';

import type { FieldGroup, FieldRoute } from './field-group.ts';
import { OPENAI_FIELDS } from './openai-fields.ts';
import { OTHER_FIELDS } from './other-fields.ts';
import { SERVER_FIELDS } from './server-fields.ts';

type Body = Readonly<Record<string, unknown>>;

/**
 * Every field that is known of somebody's reference. What is in no group is tolerated: a service field of somebody's
 * client.
 */
export const FIELD_GROUPS: readonly FieldGroup[] = [
  ...OPENAI_FIELDS,
  ...SERVER_FIELDS,
  ...OTHER_FIELDS,
];

type Rules = ReadonlyMap<string, FieldRule>;

const rulesOf = (route: FieldRoute): Rules =>
  new Map(
    FIELD_GROUPS.filter(({ routes }) => routes.includes(route)).flatMap(({ fields }) =>
      Object.entries(fields),
    ),
  );

const RULES: Readonly<Record<FieldRoute, Rules>> = {
  chat: rulesOf('chat'),
  completions: rulesOf('completions'),
  embeddings: rulesOf('embeddings'),
  rerank: rulesOf('rerank'),
};

const PATHS: Readonly<Record<FieldRoute, string>> = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
  rerank: '/v1/rerank',
};

/** A route that makes text reads the fields of the other one, to say where they belong. */
const OTHER_ROUTE: Readonly<Partial<Record<FieldRoute, FieldRoute>>> = {
  chat: 'completions',
  completions: 'chat',
};

/** @throws CortexError `unsupported_parameter` naming the first field of `body` that asks for what `route` lacks. */
export function checkFields(body: Body, route: FieldRoute): void {
  for (const [param, value] of Object.entries(body)) {
    if (value === null || value === undefined) continue;
    const own = RULES[route].get(param);
    const other = OTHER_ROUTE[route];
    const elsewhere =
      own === undefined && other !== undefined ? RULES[other].get(param) : undefined;
    const rule = own ?? elsewhere;
    if (rule === undefined || rule.kind === 'tolerated' || own?.kind === 'honoured') continue;
    if (rule.neutral?.has(value, body) === true) continue;
    throw rule.kind === 'honoured' && other !== undefined
      ? unsupported(param, `is only supported by ${PATHS[other]}`)
      : unsupported(param, wordsOf(rule));
  }
}

/**
 * Settings of a model or an alias, which are for all routes.
 *
 * @throws CortexError `unsupported_parameter` naming the first that no route honours.
 */
export function checkParams(params: Body): void {
  for (const [param, value] of Object.entries(params)) {
    if (value === null || value === undefined) continue;
    const rules = [RULES.chat.get(param), RULES.completions.get(param)];
    const rule = rules.find((one) => one?.kind === 'refused');
    if (rule === undefined || rules.some((one) => one?.kind === 'honoured')) continue;
    if (rule.neutral?.has(value, params) !== true) throw unsupported(param, wordsOf(rule));
  }
}

function wordsOf(rule: FieldRule): string {
  const instead = rule.kind === 'refused' ? rule.instead : undefined;
  return `is not supported by this engine${instead === undefined ? '' : `; use ${instead}`}`;
}

const unsupported = (param: string, words: string): CortexError =>
  new CortexError('unsupported_parameter', `"${param}" ${words}.`, { param });
