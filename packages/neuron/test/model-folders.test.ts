import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { expect, test } from 'bun:test';

import { PullFixture, REPO } from './pull-fixture.ts';
import { CORTEX_TINY, scriptedEngine, TestNeuron, until } from './test-neuron.ts';

const start = (folders: readonly string[]): Promise<TestNeuron> =>
  TestNeuron.start({
    flags: { models_dirs: folders },
    parts: { startEngine: scriptedEngine() },
  });

function put(...path: string[]): string {
  const file = join(...path);
  mkdirSync(dirname(file), { recursive: true });
  cpSync(CORTEX_TINY, file);
  return file;
}

/** A store of Ollama with one model; returns its folder and its blob. */
function createOllamaStore(...name: string[]): { readonly folder: string; readonly blob: string } {
  const folder = temporaryFolder('ollama');
  const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
  const blobOf = (digit: string): string => join(folder, 'blobs', `sha256-${digit.repeat(64)}`);
  const blob = put(blobOf('a'));
  writeFileSync(blobOf('b'), JSON.stringify({ model_format: 'gguf', file_type: 'Q4_K_M' }));
  put(blobOf('c'));
  const manifest = join(folder, 'manifests', ...name);
  mkdirSync(dirname(manifest), { recursive: true });
  const layer = (kind: string, digit: string) => ({
    mediaType: `application/vnd.ollama.image.${kind}`,
    digest: digest(digit),
  });
  writeFileSync(
    manifest,
    JSON.stringify({
      schemaVersion: 2,
      config: { digest: digest('b') },
      layers: [layer('template', 'd'), layer('projector', 'c'), layer('model', 'a')],
    }),
  );
  return { folder, blob };
}

async function loadsFrom(neuron: TestNeuron, id: string): Promise<number> {
  return (await neuron.post('/models/load?wait=true', { model_id: id })).status;
}

test('a model in a Hugging Face cache is served under the name of its repository', async () => {
  const cache = temporaryFolder('hf-cache');
  const repository = join(cache, 'models--org--m-GGUF');
  put(repository, 'blobs', 'abc');
  const snapshot = join(repository, 'snapshots', '0123', 'm-Q8_0.gguf');
  mkdirSync(dirname(snapshot), { recursive: true });
  symlinkSync('../../blobs/abc', snapshot);
  await using neuron = await start([cache]);

  expect(await loadsFrom(neuron, 'org/m-GGUF')).toBe(200);
  expect(await neuron.model('org/m-GGUF')).toMatchObject({ quant: 'Q8_0', on_disk: true });
});

test.each([
  [['registry.ollama.ai', 'library', 'qwen3', '8b'], 'qwen3:8b'],
  [['registry.ollama.ai', 'someone', 'qwen3', 'latest'], 'someone/qwen3:latest'],
  [['hf.co', 'org', 'repo-GGUF', 'Q4_K_M'], 'hf.co/org/repo-GGUF:Q4_K_M'],
])('a model of Ollama at manifests/%p is served as %s, from its blob', async (name, id) => {
  const { folder } = createOllamaStore(...name);
  await using neuron = await start([folder]);

  expect(await loadsFrom(neuron, id)).toBe(200);
  expect(await neuron.model(id)).toMatchObject({ quant: 'Q4_K_M', on_disk: true });
});

test('a model of Ollama without its blob, and a broken manifest, are not listed', async () => {
  const { folder } = createOllamaStore('registry.ollama.ai', 'library', 'gone', '1b');
  const manifest = join(folder, 'manifests', 'registry.ollama.ai', 'library');
  mkdirSync(join(manifest, 'broken'));
  writeFileSync(join(manifest, 'broken', 'latest'), '{');
  const digest = `sha256:${'e'.repeat(64)}`;
  writeFileSync(
    join(manifest, 'broken', 'gone'),
    JSON.stringify({ layers: [{ mediaType: 'application/vnd.ollama.image.model', digest }] }),
  );
  await using neuron = await start([folder]);

  const ids = (await (await neuron.get('/models')).json()).map(({ id }: { id: string }) => id);

  expect(ids).toEqual(['gone:1b', 'tiny']);
});

test('a model of LM Studio is served by publisher, repository and file', async () => {
  const folder = temporaryFolder('lm-studio');
  put(folder, 'publisher', 'm-GGUF', 'm-Q8_0.gguf');
  await using neuron = await start([folder]);

  expect(await loadsFrom(neuron, 'publisher/m-GGUF')).toBe(200);
  expect(await neuron.model('publisher/m-GGUF/m-Q8_0')).toMatchObject({ on_disk: true });
});

test('the files of a model in models_dirs are not removed', async () => {
  const { folder, blob } = createOllamaStore('registry.ollama.ai', 'library', 'qwen3', '8b');
  await using neuron = await start([folder]);

  const answer = await fetch(`${neuron.url}/models/qwen3:8b/files`, { method: 'DELETE' });

  expect(answer.status).toBe(403);
  expect(existsSync(blob)).toBe(true);
});

test('files in a folder that is linked into models_dir are not removed', async () => {
  const elsewhere = temporaryFolder('elsewhere');
  const file = put(elsewhere, 'm.gguf');
  await using neuron = await TestNeuron.start({
    parts: { startEngine: scriptedEngine() },
    prepare: (modelsDir) => symlinkSync(elsewhere, join(modelsDir, 'linked')),
  });

  const answer = await fetch(`${neuron.url}/models/linked/m/files`, { method: 'DELETE' });

  expect(answer.status).toBe(403);
  expect(existsSync(file)).toBe(true);
});

test('a pulled model is removed with its blob, and can be pulled again', async () => {
  await using fixture = await PullFixture.start();
  await fixture.pulled({ model_id: 'a/b', source: `hf:${REPO}` });

  const answer = await fetch(`${fixture.neuron.url}/models/a/b/files`, { method: 'DELETE' });

  expect(answer.status).toBe(200);
  const { files, freed_bytes: freedBytes } = await answer.json();
  expect(files).toHaveLength(1);
  expect(freedBytes).toBeGreaterThan(100_000);
  expect(existsSync(join(fixture.neuron.modelsDir, 'models--org--tiny-GGUF/blobs'))).toBe(false);
  await until(async () => (await (await fixture.neuron.get('/models')).json()).length === 1);
  expect(await fixture.pulled({ model_id: 'a/b', source: `hf:${REPO}` })).toMatchObject({
    status: 'done',
  });
});

test('files that two models share stay until both are removed', async () => {
  await using fixture = await PullFixture.start();
  await fixture.pulled({ model_id: 'a', source: `hf:${REPO}` });
  await fixture.pulled({ model_id: 'b', source: `hf:${REPO}` });

  const first = await fetch(`${fixture.neuron.url}/models/a/files`, { method: 'DELETE' });
  const between = await fixture.neuron.model('b');
  const second = await fetch(`${fixture.neuron.url}/models/b/files`, { method: 'DELETE' });

  expect(await first.json()).toMatchObject({ files: [], freed_bytes: 0 });
  expect(between.on_disk).toBe(true);
  expect((await second.json()).files).toHaveLength(1);
});

test('a file that somebody put into models_dir is removed; one that is loaded is not', async () => {
  await using neuron = await start([]);
  await neuron.load();

  const loaded = await fetch(`${neuron.url}/models/tiny/files`, { method: 'DELETE' });
  await neuron.post('/models/unload', { model_id: 'tiny' });
  const unloaded = await fetch(`${neuron.url}/models/tiny/files`, { method: 'DELETE' });
  const unknown = await fetch(`${neuron.url}/models/tiny/files`, { method: 'DELETE' });

  expect([loaded.status, unloaded.status, unknown.status]).toEqual([409, 200, 404]);
  expect(existsSync(join(neuron.modelsDir, 'tiny.gguf'))).toBe(false);
});

test('the removal of its files ends the pin of a model, also if they come back', async () => {
  await using neuron = await start([]);
  await neuron.post('/models/tiny/pin', { pinned: true });

  await fetch(`${neuron.url}/models/tiny/files`, { method: 'DELETE' });

  put(neuron.modelsDir, 'tiny.gguf');
  await neuron.post('/models/rescan', {});
  expect(await neuron.model('tiny')).toMatchObject({ on_disk: true, pinned: false });
});
