import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { beforeEach, describe, expect, test } from 'bun:test';

import { ModelStore } from './model-store.ts';
import { createRemoteAccess } from './plan-pull.ts';

let root = '';
let modelsDir = '';

beforeEach(() => {
  root = realpathSync(temporaryFolder('model-store'));
  modelsDir = join(root, 'models');
  mkdirSync(modelsDir);
});

const put = (path: string): string => {
  const file = join(root, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, 'GGUF');
  return file;
};

const store = (overrides: Partial<ConstructorParameters<typeof ModelStore>[0]> = {}) =>
  new ModelStore({
    modelsDir,
    modelsDirs: [],
    fileRoots: [],
    // Nothing is pulled here.
    remote: createRemoteAccess({
      hub: { endpoint: 'http://127.0.0.1:9', isOffline: true },
      modelsDir,
      httpsHosts: [],
    }),
    downloads: {
      freeBytes: () => Promise.resolve(0),
      minFreeBytes: 0,
      pause: () => Promise.resolve(),
    },
    headersDir: join(root, 'headers'),
    nowMs: () => 0,
    log: createLogger({ name: 'test', level: 'fatal' }),
    ...overrides,
  });

/** What a search fails with. */
async function messageOf(search: Promise<unknown>): Promise<string> {
  try {
    await search;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('was found');
}

describe('a scan of the models folders', () => {
  test('finds files in all folders, and follows links to folders and files', async () => {
    put('models/a.gguf');
    const elsewhere = put('elsewhere/deep/b.gguf');
    symlinkSync(join(root, 'elsewhere'), join(modelsDir, 'linked'));
    symlinkSync(elsewhere, join(modelsDir, 'c.gguf'));
    put('more/d.gguf');
    const listed = store({ modelsDirs: [join(root, 'more')] });

    await listed.refresh();

    expect([...listed.files.keys()].sort()).toEqual(['a', 'c', 'd', 'linked/deep/b']);
  });

  test('ends when links form a cycle', async () => {
    put('models/a.gguf');
    symlinkSync(modelsDir, join(modelsDir, 'self'));
    const listed = store();

    await listed.refresh();

    expect([...listed.files.keys()]).toEqual(['a']);
  });

  test('lists only regular files: no hidden, dangling or special files, and no unfinished downloads', async () => {
    for (const path of [
      'a.gguf',
      '模型.gguf',
      'upper.GGUF',
      'folder.gguf/inside.gguf',
      '._a.gguf',
      '._big-00001-of-00002.gguf',
      '.gguf',
      '.GGUF',
      '-00001-of-00002.gguf',
      '.hidden/b.gguf',
      'deep/.gguf',
      'line\nfeed.gguf',
      'escape\u001B[31m.gguf',
      'next\u2028line.gguf',
      'x.gguf.part',
      'x.gguf.crdownload',
      'x.gguf.tmp',
    ]) {
      put(`models/${path}`);
    }
    mkdirSync(join(modelsDir, 'empty-folder.gguf'));
    symlinkSync(join(root, 'nowhere'), join(modelsDir, 'dangling.gguf'));
    symlinkSync(join(modelsDir, 'loop.gguf'), join(modelsDir, 'loop.gguf'));
    Bun.spawnSync(['mkfifo', join(modelsDir, 'pipe.gguf')]);
    const listed = store();

    await listed.refresh();

    expect([...listed.files.keys()].sort()).toEqual(['a', 'folder.gguf/inside', 'upper', '模型']);
  });

  test('includes files that were added before a rescan was requested, even if a scan is running', async () => {
    const listed = store();
    const running = listed.refresh();
    put('models/late.gguf');

    const asked = Promise.all([listed.refresh(), listed.refresh()]);

    await running;
    await asked;
    expect([...listed.files.keys()]).toEqual(['late']);
  });

  test('lists files in index.json under their ids in it', async () => {
    put('models/blobs/1.gguf');
    writeFileSync(
      join(modelsDir, 'index.json'),
      JSON.stringify({ 'org/m': { source: 'hf:org/m', quant: 'Q4_0', files: ['blobs/1.gguf'] } }),
    );
    const listed = store();

    await listed.refresh();

    expect([...listed.files.values()]).toMatchObject([{ id: 'org/m', quant: 'Q4_0' }]);
  });

  test('takes any name of a model from the index, and a removal keeps the other entries', async () => {
    put('models/a.gguf');
    put('models/b.gguf');
    const index = join(modelsDir, 'index.json');
    writeFileSync(index, '{"__proto__":{"files":["a.gguf"]},"constructor":{"files":["b.gguf"]}}');
    const listed = store();
    await listed.refresh();

    await listed.remove('constructor');

    expect([...listed.files.keys()]).toEqual(['__proto__']);
    expect(JSON.stringify(JSON.parse(readFileSync(index, 'utf8')))).toBe(
      '{"__proto__":{"files":["a.gguf"]}}',
    );
  });
});

describe('ModelStore.find', () => {
  test('selects the requested quantisation', async () => {
    put('models/org/m/m-Q4_0.gguf');
    put('models/org/m/m-Q8_0.gguf');

    const file = await store().find({ modelId: 'org/m', quant: 'q8_0' });

    expect(file.path).toEndWith('m-Q8_0.gguf');
  });

  test('does not take a draft for its model', async () => {
    put('models/Qwen/Q-Q4_0.gguf');
    put('models/Qwen/Q-draft-Q8_0.gguf');

    expect(await messageOf(store().find({ modelId: 'Qwen', quant: 'Q8_0' }))).toContain(
      'Qwen is not on this node as Q8_0. Available: Q4_0.',
    );
    const named = await store().find({ modelId: 'Qwen/Q-draft-Q8_0' });
    expect(named.path).toBe(join(modelsDir, 'Qwen/Q-draft-Q8_0.gguf'));
  });

  test('names the available quantisations if the requested one is missing', async () => {
    put('models/m-Q4_0.gguf');

    expect(await messageOf(store().find({ modelId: 'm', quant: 'Q6_K' }))).toContain(
      'Available: Q4_0',
    );
  });

  test.each(['constructor', '__proto__'])(
    'finds %s.gguf, which somebody put there, although the call names a source',
    async (modelId) => {
      const path = put(`models/${modelId}.gguf`);

      expect(await store().find({ modelId, source: 'hf:org/repo' })).toMatchObject({ path });
    },
  );

  test('does not treat another model as a variant', async () => {
    put('models/Qwen3-8B-Q4_0.gguf');

    expect(await messageOf(store().find({ modelId: 'Qwen3' }))).toContain('does not exist');
  });

  test.each(['.part', '.aria2', '.crdownload'])(
    'refuses a file beside a %s file with a transient error, because it is being downloaded',
    async (mark) => {
      put('models/a.gguf');
      put(`models/a.gguf${mark}`);

      const error = await store()
        .find({ modelId: 'a' })
        .catch((thrown: unknown) => thrown);

      expect(error).toMatchObject({ code: 'model_load_failed', status: 503, isRetryable: true });
      expect(String(error)).toContain('a.gguf is still being downloaded');
    },
  );

  test('names the missing part of a split model', async () => {
    put('models/big-00001-of-00002.gguf');

    expect(await messageOf(store().find({ modelId: 'big' }))).toContain(
      'big-00002-of-00002.gguf is missing',
    );
  });
});

describe('a file: source', () => {
  test('may name a file below file_roots', async () => {
    const path = put('allowed/x.gguf');

    const file = await store({ fileRoots: [join(root, 'allowed')] }).find({
      modelId: 'x',
      source: `file:${path}`,
    });

    expect(file).toMatchObject({ id: 'x', path });
  });

  test.each([
    ['by its path', () => `file:${put('secret/x.gguf')}`],
    ['by parent folders', () => `file:${modelsDir}/../secret/x.gguf`],
    ['by percent-encoded parent folders', () => `file:${modelsDir}/%2e%2e/secret/x.gguf`],
    [
      'by a link',
      () => {
        symlinkSync(put('secret/x.gguf'), join(modelsDir, 'link.gguf'));
        return `file:${modelsDir}/link.gguf`;
      },
    ],
  ])('is refused outside the allowed folders: %s', async (_how, source) => {
    put('secret/x.gguf');

    expect(await messageOf(store().find({ modelId: 'x', source: source() }))).toContain('outside');
  });

  test('that names the first part of a split model means all parts and the projector', async () => {
    put('models/deep/m-Q4_0-00001-of-00002.gguf');
    put('models/deep/m-Q4_0-00002-of-00002.gguf');
    const projector = put('models/deep/mmproj-F16.gguf');
    const source = 'file:deep/m-Q4_0-00001-of-00002.gguf';

    const file = await store().find({ modelId: 'x', source });

    expect(file).toMatchObject({ id: 'x', quant: 'Q4_0', sizeBytes: 8, projector });
    expect(file.parts).toHaveLength(2);
    expect(await messageOf(store().find({ modelId: 'x', source, quant: 'Q8_0' }))).toContain(
      'is Q4_0, not Q8_0',
    );
  });

  test('may name a file whose name does not end in .gguf', async () => {
    const path = put('models/blobs/sha256-00');

    expect(await store().find({ modelId: 'x', source: 'file:blobs/sha256-00' })).toMatchObject({
      id: 'x',
      parts: [path],
      sizeBytes: 4,
    });
  });

  test('with a missing file is refused with its path', async () => {
    const found = store().find({ modelId: 'x', source: 'file:x.gguf' });

    expect(await messageOf(found)).toContain(`${join(modelsDir, 'x.gguf')} does not exist`);
  });
});

test('the fingerprint of a model changes when its file is replaced', async () => {
  const path = put('models/a.gguf');
  const listed = store();
  const before = await listed.find({ modelId: 'a' });

  cpSync(import.meta.path, path);

  expect((await listed.find({ modelId: 'a' })).fingerprint).not.toBe(before.fingerprint);
});
