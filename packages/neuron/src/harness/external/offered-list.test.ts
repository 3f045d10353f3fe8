import { FakeServer, type FakeServerOptions } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { OfferedList } from './offered-list.ts';

const FAKE: FakeServerOptions = {
  port: 0,
  models: [],
  contextTokens: 512,
  slots: 1,
  hasVision: false,
};

function listOf({ url }: FakeServer, headers: Readonly<Record<string, string>> = {}) {
  const warnings: unknown[] = [];
  const log = { warn: (fields: unknown) => void warnings.push(fields) };
  return { list: new OfferedList({ harness: 'h', url, headers }, log), warnings };
}

describe('the list of the models of a server', () => {
  test('has at most 1,000 models, each once, and none with a name that cannot be requested', async () => {
    const many = Array.from({ length: 1200 }, (_, at) => `m${at}`);
    using server = new FakeServer({
      ...FAKE,
      models: ['', 'two\nlines', 'x'.repeat(513), 'same', 'same', ...many],
    });
    const { list } = listOf(server);

    expect(await list.refresh()).toBe(true);

    expect(list.models).toHaveLength(1000);
    expect(list.models.slice(0, 2).map(({ id }) => id)).toEqual(['same', 'm0']);
  });

  test('reports a change, and nothing while it stays the same', async () => {
    const models = ['a'];
    using server = new FakeServer({ ...FAKE, models });
    const { list } = listOf(server);
    let changes = 0;
    list.changes.add(() => (changes += 1));

    await list.refresh();
    await list.refresh();
    models.push('b');
    await list.refresh();

    expect(changes).toBe(2);
  });

  test('stays as it is when it cannot be read, and the reason is logged once', async () => {
    const keyed = { ...FAKE, models: ['a'], apiKey: 'right' };
    using server = new FakeServer(keyed);
    const headers = { authorization: 'Bearer right' };
    const { list, warnings } = listOf(server, headers);
    await list.refresh();

    headers.authorization = 'Bearer wrong';
    expect([await list.refresh(), await list.refresh()]).toEqual([false, false]);

    expect(list.models.map(({ id }) => id)).toEqual(['a']);
    expect(warnings).toEqual([
      { harness: 'h', reason: expect.stringContaining('check api_key_file') },
    ]);
  });
});
