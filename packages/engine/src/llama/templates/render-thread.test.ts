import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { RenderThread, RenderThreadFailure } from './render-thread.ts';

/** In place of the native library: prints the template, the thread and the variables. */
const LIBRARY = `
const { threadId } = require('node:worker_threads');
exports.AddonJinjaRenderer = class {
  constructor(template) {
    if (template === 'invalid') throw new Error('it does not compile');
    this.template = template;
  }
  render(variables) {
    if (variables.ends) process.exit(1);
    if (variables.refused) throw new Error('it refuses');
    return JSON.stringify({ template: this.template, threadId, variables });
  }
};
`;

/** The same, except that it cannot be opened the first time. */
const OPENS_LATER = `
const { existsSync, writeFileSync } = require('node:fs');
const flag = __filename + '.opened';
if (!existsSync(flag)) {
  writeFileSync(flag, '');
  throw new Error('it cannot be opened');
}
${LIBRARY}`;

describe('the thread that renders templates', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'render-thread-'));
    await writeFile(join(folder, 'library.cjs'), LIBRARY);
    await writeFile(join(folder, 'opens-later.cjs'), OPENS_LATER);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const open = (name = 'library.cjs'): RenderThread => new RenderThread(join(folder, name));
  const rendered = async (
    thread: RenderThread,
    template: string,
    variables: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> => JSON.parse(await thread.render(template, variables));

  test('is one thread for all templates', async () => {
    const thread = open();
    const templates = ['one', 'other', 'one'];

    const answers = await Promise.all(
      templates.map((template, index) => rendered(thread, template, { index })),
    );

    const { threadId } = (await rendered(thread, 'one')) as { threadId: number };
    expect(answers).toEqual(
      templates.map((template, index) => ({ template, threadId, variables: { index } })),
    );
  });

  test('goes on after a template that does not compile or refuses', async () => {
    const thread = open();

    await expect(thread.render('invalid', {})).rejects.toThrow('it does not compile');
    await expect(thread.render('valid', { refused: true })).rejects.toThrow('it refuses');

    expect(await rendered(thread, 'valid')).toMatchObject({ template: 'valid' });
  });

  test('that ends fails what it has not rendered, and the next conversation starts another', async () => {
    const thread = open();

    const failed = await Promise.allSettled([
      thread.render('any', { ends: true }),
      thread.render('any', {}),
    ]);

    for (const outcome of failed)
      expect(outcome).toMatchObject({ reason: expect.any(RenderThreadFailure) });
    expect(await rendered(thread, 'any')).toMatchObject({ template: 'any' });
  });

  test('that did not start does not fail what the next one renders', async () => {
    const thread = open('opens-later.cjs');

    await expect(thread.render('any', {})).rejects.toThrow(RenderThreadFailure);

    expect(await rendered(thread, 'any')).toMatchObject({ template: 'any' });
  });
});
