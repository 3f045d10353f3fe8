/**
 * Writes docs/request-fields.md from the tables of request fields in the engine and in the dialects: `node
 * tools/bun.mjs tools/request-fields.ts`. A test compares the result with the checked-in file.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { FIELD_GROUPS, type FieldRoute, MEMBER_GROUPS } from '@cortex/engine';
import {
  DIALECT_FIELDS,
  type DialectFieldRule,
  type DialectRoute,
  type FieldsOf,
} from '@cortex/protocol';
import { format } from 'prettier';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const INTRO = `# Fields of requests

<!-- Written by tools/request-fields.ts from packages/engine/src/request-fields and packages/protocol/src/dialects/*/*fields.ts. Do not edit. -->

Clients of the four APIs and of other servers send many fields. Each field below is one of these:

- **honoured**: it has the effect that the table describes.
- **refused** with an error that names it (\`unsupported_parameter\`; images \`vision_unsupported\`, kinds of tools \`invalid_request\`).
- **left out**, although it would change the answer. The answer names the field in the header
  \`x-cortex-dropped-fields\`, or the tool in \`x-cortex-dropped-tools\`.
- **tolerated**, because it does not change the answer.

A field that is refused or left out is accepted with the value in the column "accepted", which requests nothing.
\`null\` always means "not set". A field that is not in the tables is tolerated.

The routes from /v1/chat/completions to /v1/rerank are read by the engine. The bodies of the other routes are translated
before a node gets them. A name with dots is a member of an object, and \`[]\` stands for each element of a list.
\`[text]\` stands for those elements whose \`type\` is \`text\`, also with the date of a version behind it, and
\`[assistant]\` for the messages of that role. Such rows are in tables of their own: there, \`text\` is the element as a
whole, and \`text.citations\` is a member of it. An element that is refused, left out or tolerated as a whole has no rows
for its members.
`;

type Section<Route> = readonly [title: string, routes: readonly Route[]];

const ENGINE_SECTIONS: readonly Section<FieldRoute>[] = [
  ['/v1/chat/completions and /v1/completions', ['chat', 'completions']],
  ['/v1/chat/completions', ['chat']],
  ['/v1/completions', ['completions']],
  ['/v1/embeddings and /v1/rerank', ['embeddings', 'rerank']],
  ['/v1/embeddings', ['embeddings']],
  ['/v1/rerank', ['rerank']],
];

const DIALECT_SECTIONS: readonly Section<DialectRoute>[] = [
  ['/v1/responses', ['/v1/responses']],
  ['/v1/messages and /v1/messages/count_tokens', ['/v1/messages', '/v1/messages/count_tokens']],
  ['/v1/messages', ['/v1/messages']],
  ['/v1/messages/count_tokens', ['/v1/messages/count_tokens']],
  ['/api/chat and /api/generate', ['/api/chat', '/api/generate']],
  ['/api/chat', ['/api/chat']],
  ['/api/generate', ['/api/generate']],
  ['/api/embed and /api/embeddings', ['/api/embed', '/api/embeddings']],
  ['/api/embed', ['/api/embed']],
  ['/api/embeddings', ['/api/embeddings']],
  ['/api/show', ['/api/show']],
];

const cell = (text: string): string => text.replaceAll('|', '\\|');

function columnsOf(
  rule: DialectFieldRule,
): readonly [verdict: string, accepted: string, meaning: string] {
  switch (rule.kind) {
    case 'honoured':
      return ['honoured', '', rule.effect];
    case 'tolerated':
      return ['tolerated', 'any value', rule.why];
    case 'dropped':
      return ['left out', rule.neutral?.words ?? '', rule.why];
    case 'refused':
      return [
        'refused',
        rule.neutral?.words ?? '',
        rule.instead === undefined ? '' : `use ${rule.instead}`,
      ];
  }
}

type Group<Route extends string> = FieldsOf<Route, DialectFieldRule>;

interface Row {
  /** Of a list whose elements have types; undefined: of the body. */
  readonly list: string | undefined;
  readonly name: string;
  readonly rule: DialectFieldRule;
  readonly knownTo: string;
}

/** `messages[].content[text].citations` is `text.citations` of `messages[].content`. */
const TYPED = /^(.*)\[(\w+)\](.*)$/;

const rowsOf = ({ knownTo, fields }: Group<string>): readonly Row[] =>
  Object.entries(fields).map(([field, rule]) => {
    const [, list, type = '', member = ''] = TYPED.exec(field) ?? [];
    return { list, name: list === undefined ? field : `${type}${member}`, rule, knownTo };
  });

function tableOf(rows: readonly Row[]): string {
  return [
    '| field | | accepted | meaning | known to |',
    '|---|---|---|---|---|',
    ...rows.map(({ name, rule, knownTo }) => {
      const [verdict, accepted, meaning] = columnsOf(rule);
      return `| \`${name}\` | ${verdict} | ${cell(accepted)} | ${cell(meaning)} | ${knownTo} |`;
    }),
  ].join('\n');
}

const sameRoutes = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((route) => b.includes(route));

function sectionsOf<Route extends string>(
  groups: readonly Group<Route>[],
  sections: readonly Section<Route>[],
): string[] {
  return sections.map(([title, routes]) => {
    const rows = groups.filter((group) => sameRoutes(group.routes, routes)).flatMap(rowsOf);
    const tables = [...Map.groupBy(rows, ({ list }) => list)].map(([list, some]) =>
      list === undefined
        ? tableOf(some)
        : `### Elements of \`${list}\` on ${title}\n\n${tableOf(some)}`,
    );
    return `## ${title}\n\n${tables.join('\n\n')}`;
  });
}

/** The text of docs/request-fields.md. */
export function renderRequestFields(): Promise<string> {
  const sections = [
    ...sectionsOf([...FIELD_GROUPS, ...MEMBER_GROUPS], ENGINE_SECTIONS),
    ...sectionsOf(DIALECT_FIELDS, DIALECT_SECTIONS),
  ];
  return format(`${INTRO}\n${sections.join('\n\n')}\n`, { parser: 'markdown' });
}

if (import.meta.main)
  writeFileSync(join(ROOT, 'docs', 'request-fields.md'), await renderRequestFields());
