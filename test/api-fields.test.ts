/** Every field of the references of the translated APIs has a row in the tables of fields. */
import { join } from 'node:path';
import { expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { MEMBER_GROUPS } from '@cortex/engine';
import { DIALECT_FIELDS, type DialectFieldRule } from '@cortex/protocol';
import { API } from 'typescript/unstable/async';

import type { ApiReferences } from './api-references.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FILE = join(ROOT, 'test/api-references.ts');

/** The compiler's own answers, so that the types of the clients need no reader of ours. */
async function readReferences(): Promise<ReadonlyMap<string, readonly string[]>> {
  const api = new API({ cwd: ROOT });
  try {
    const snapshot = await api.updateSnapshot({ openFiles: [FILE] });
    const project = await snapshot.getDefaultProjectForFile(FILE);
    const source = await project?.program.getSourceFile(FILE);
    if (project === undefined || source === undefined) throw new Error(`${FILE} is in no project`);
    const { checker } = project;
    const exported = await (await checker.getSymbolAtLocation(source))?.getExports();
    const found = [...(exported ?? [])].find(([, { name }]) => name === 'ApiReferences')?.[1];
    if (found === undefined) throw new Error(`${FILE} does not export ApiReferences`);
    const members = await checker.getPropertiesOfType(await checker.getDeclaredTypeOfSymbol(found));
    const fields = await Promise.all(
      members.map(async (member) => {
        const type = await checker.getTypeOfSymbol(member);
        const names = type === undefined ? [] : await checker.getPropertiesOfType(type);
        return [member.name, names.map(({ name }) => name)] as const;
      }),
    );
    return new Map(fields);
  } finally {
    await api.close();
  }
}

interface Table {
  readonly routes: readonly (keyof ApiReferences)[];
  readonly fields: Readonly<Record<string, DialectFieldRule>>;
}

const TABLES: readonly Table[] = [
  ...DIALECT_FIELDS,
  ...MEMBER_GROUPS.map(({ fields }) => ({ routes: ['/v1/chat/completions' as const], fields })),
];

/** Dates of versions in types: `tools[bash_20250124]`, `tools[web_search_2025_08_26]`. */
const VERSION = /_\d{4}(?:\d{4}|_\d\d_\d\d)(?=\])/g;

/** The element that a field is a member of: `input[message]` of `input[message].role`. */
const ELEMENT = /^.*\[\w+\](?=\.)/;

/**
 * Whether a table has a field: by its own row, by that of all elements of its list, or by that of its element, which is
 * refused, left out or tolerated as a whole.
 */
function isKnown(field: string, rules: ReadonlyMap<string, DialectFieldRule>): boolean {
  const [element] = ELEMENT.exec(field) ?? [];
  if (element === undefined) return rules.has(field);
  const whole = rules.get(element)?.kind ?? 'honoured';
  const ofAll = `${element.replace(/\[\w+\]$/, '[]')}${field.slice(element.length)}`;
  return rules.has(field) || rules.has(ofAll) || whole !== 'honoured';
}

test('the tables have every field that the official clients know', async () => {
  const references = await readReferences();

  const routes = [...new Set(TABLES.flatMap((table) => table.routes))];
  const missing = routes.map((route) => {
    const tables = TABLES.filter((table) => table.routes.includes(route));
    const rules = new Map(tables.flatMap(({ fields }) => Object.entries(fields)));
    const named = references.get(route) ?? [];
    // A type that the clients have renamed is `any`, which has no members.
    expect(named.length, `fields of ${route}`).toBeGreaterThan(1);
    return [route, named.filter((field) => !isKnown(field.replaceAll(VERSION, ''), rules))];
  });

  expect(missing).toEqual(routes.map((route) => [route, []]));
});
