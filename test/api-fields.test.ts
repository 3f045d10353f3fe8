/** Every field of the references of the translated APIs has a row in the tables of fields. */
import { join } from 'node:path';
import { expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { DIALECT_FIELDS } from '@cortex/protocol';
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

test('the tables have every field that the official clients know', async () => {
  const references = await readReferences();

  const routes: readonly (keyof ApiReferences)[] = [
    ...new Set(DIALECT_FIELDS.flatMap((group) => group.routes)),
  ];
  const missing = routes.map((route) => {
    const groups = DIALECT_FIELDS.filter((group) => group.routes.includes(route));
    const known = new Set(groups.flatMap(({ fields }) => Object.keys(fields)));
    const named = references.get(route) ?? [];
    // A type that the clients have renamed is `any`, which has no members.
    expect(named.length, `fields of ${route}`).toBeGreaterThan(1);
    return [route, named.filter((field) => !known.has(field))];
  });

  expect(missing).toEqual(routes.map((route) => [route, []]));
});
