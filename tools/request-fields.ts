/**
 * Writes docs/request-fields.md from the table of request fields in the engine: `node tools/bun.mjs
 * tools/request-fields.ts`. A test compares the result with the checked-in file.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { FIELD_GROUPS, type FieldGroup, type FieldRoute } from '@cortex/engine';
import type { FieldRule } from '@cortex/protocol';
import { format } from 'prettier';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const INTRO = `# Fields of requests

<!-- Written by tools/request-fields.ts from packages/engine/src/request-fields. Do not edit. -->

Clients of OpenAI and of other servers send many fields. Each field below is **honoured**, **refused** with an error
that names it (\`unsupported_parameter\`), or **tolerated** because it does not change the answer. A refused field is accepted
with the value in the column "accepted", which requests nothing. \`null\` always means "not set". A field that is
not in the tables is tolerated.
`;

const SECTIONS: readonly (readonly [title: string, routes: readonly FieldRoute[]])[] = [
  ['/v1/chat/completions and /v1/completions', ['chat', 'completions']],
  ['/v1/chat/completions', ['chat']],
  ['/v1/completions', ['completions']],
  ['/v1/embeddings and /v1/rerank', ['embeddings', 'rerank']],
  ['/v1/embeddings', ['embeddings']],
  ['/v1/rerank', ['rerank']],
];

const cell = (text: string): string => text.replaceAll('|', '\\|');

function columnsOf(rule: FieldRule): readonly [verdict: string, accepted: string, meaning: string] {
  switch (rule.kind) {
    case 'honoured':
      return ['honoured', '', rule.effect];
    case 'tolerated':
      return ['tolerated', 'any value', rule.why];
    case 'refused':
      return [
        'refused',
        rule.neutral?.words ?? '',
        rule.instead === undefined ? '' : `use ${rule.instead}`,
      ];
  }
}

const rowsOf = ({ knownTo, fields }: FieldGroup): string[] =>
  Object.entries(fields).map(([name, rule]) => {
    const [verdict, accepted, meaning] = columnsOf(rule);
    return `| \`${name}\` | ${verdict} | ${cell(accepted)} | ${cell(meaning)} | ${knownTo} |`;
  });

const sameRoutes = (a: readonly FieldRoute[], b: readonly FieldRoute[]): boolean =>
  a.length === b.length && a.every((route) => b.includes(route));

/** The text of docs/request-fields.md. */
export function renderRequestFields(): Promise<string> {
  const sections = SECTIONS.map(([title, routes]) =>
    [
      `## ${title}`,
      '',
      '| field | | accepted | meaning | known to |',
      '|---|---|---|---|---|',
      ...FIELD_GROUPS.filter((group) => sameRoutes(group.routes, routes)).flatMap(rowsOf),
    ].join('\n'),
  );
  return format(`${INTRO}\n${sections.join('\n\n')}\n`, { parser: 'markdown' });
}

if (import.meta.main)
  writeFileSync(join(ROOT, 'docs', 'request-fields.md'), await renderRequestFields());
