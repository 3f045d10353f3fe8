/**
 * The machine's llama-server, taken for what our own engine cannot do (behaviour 26b).
 *
 * The suite runs with a fake that has the options and the API of llama-server, and with the real one that
 * `LLAMA_SERVER` names (`neuron build llama-server` makes one).
 */
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { NodeHealth } from '@cortex/protocol';
import { FAKE_LLAMA_SERVER, sha256 } from '@cortex/testkit';
import { type GgufFile, text } from '@cortex/testkit/gguf/gguf-file';
import { changed, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyQwen3Next } from '@cortex/testkit/gguf/tiny-experts';
import { tinyProjector } from '@cortex/testkit/gguf/tiny-projector';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { beforeAll, describe, expect, test } from 'bun:test';

import { CORTEX_TINY, readEngineRecords, readUntil, TestNeuron, until } from './test-neuron.ts';

const FAKE = `exec "${process.execPath}" "${FAKE_LLAMA_SERVER}" "$@"`;
const real = process.env['LLAMA_SERVER'];
const REAL = `exec "${real}" "$@"`;

/** A folder of the PATH with a llama-server. */
function folderWithServer(mode = 0o755, script = FAKE): string {
  const folder = temporaryFolder('path');
  const program = join(folder, 'llama-server');
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, mode);
  return folder;
}

/** 16 × 16 pixels of one colour. */
const PICTURE =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mM4EaBBEmIY1TCqYfhqAAC/xkAQBZlNgAAAAABJRU5ErkJggg==';

/** `seeing/tiny` has a projector beside it, `tiny` has none. */
function withProjector(modelsDir: string): void {
  const folder = join(modelsDir, 'seeing');
  mkdirSync(folder);
  cpSync(join(modelsDir, 'tiny.gguf'), join(folder, 'tiny.gguf'));
  // The width of cortex-tiny.
  writeFileSync(join(folder, 'mmproj-F16.gguf'), writeGguf(tinyProjector(256)));
}

const start = (searchPath: string, flags: Readonly<Record<string, unknown>> = {}) =>
  TestNeuron.start({
    flags,
    parts: { searchPath, respawnPauseMs: () => 0 },
    prepare: withProjector,
  });

const LONG = { stream: true, ignore_eos: true, max_tokens: 100_000 };
const SEEING = { model_id: 'seeing/tiny', context_length: 512, slots: 2 };

const serverPid = ({ root }: TestNeuron): number =>
  readEngineRecords(join(root, 'state')).find(({ model_id: id }) => id === 'seeing/tiny')?.pid ?? 0;

describe.each([
  ['a fake llama-server', FAKE, true],
  ['llama-server (needs a llama-server)', REAL, real !== undefined],
])('a model with a projector beside it, on %s', (_name, script, isThere) => {
  const server = (): string => folderWithServer(0o755, script);

  test.if(isThere)('runs there, and /models says so and why', async () => {
    await using neuron = await start(server());

    await neuron.load(SEEING);

    const model = await neuron.model('seeing/tiny');
    expect(model).toMatchObject({
      harness: 'llama-server',
      harness_reason: 'it reads images with a projector (mmproj)',
      status: 'loaded',
      limit: { context: 512 },
    });
    expect(model.capabilities).toContain('vision');
    expect(model['ram_used_mb']).toBeGreaterThan(5);
  });

  test.if(isThere)('reads the image of a request, streamed', async () => {
    await using neuron = await start(server());
    await neuron.load(SEEING);
    const image = { type: 'image_url', image_url: { url: PICTURE } };
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'hi' }, image] }];

    const answer = await neuron.chat({
      model: 'seeing/tiny',
      messages,
      stream: true,
      max_tokens: 4,
    });

    const text = await answer.text();
    expect(text).toMatch(/\n\n: usage \{.*"estimated":false\}\ndata: \[DONE\]\n\n$/);
    expect(text).toContain('"model":"seeing/tiny"');
    if (script === FAKE) expect(text).toContain(`image:${sha256(PICTURE)}`);
  });

  test.if(isThere)('is unloaded when its TTL has passed', async () => {
    await using neuron = await start(server());

    await neuron.load({ ...SEEING, ttl_s: 0.2 });

    await until(async () => (await neuron.model('seeing/tiny')).status === 'unloaded');
  });

  test.if(isThere)('recovers when its server crashes', async () => {
    await using neuron = await start(server());
    await neuron.load(SEEING);
    const { generation } = await neuron.model('seeing/tiny');
    const answer = await neuron.chat({ ...LONG, model: 'seeing/tiny' });
    const { reader } = await readUntil(answer, '"content":"');

    process.kill(serverPid(neuron), 'SIGKILL');

    const { seen } = await readUntil(reader, '[DONE]');
    expect(seen).toContain('"code":"node_recovering"');
    await until(async () => (await neuron.model('seeing/tiny')).generation === generation + 1);
    expect((await neuron.chat({ model: 'seeing/tiny', max_tokens: 2 })).status).toBe(200);
  });

  test.if(isThere)('answers the tokenizer routes', async () => {
    await using neuron = await start(server());
    await neuron.load(SEEING);
    const messages = [{ role: 'user', content: 'one two' }];

    const counted = await neuron.post('/count-tokens', { model: 'seeing/tiny', messages });
    const answer = await neuron.chat({ model: 'seeing/tiny', messages, max_tokens: 1 });

    const { usage } = await answer.json();
    expect(await counted.json()).toEqual({ input_tokens: usage.prompt_tokens });
  });

  test.if(isThere)('refuses a prompt that is too long in known words', async () => {
    await using neuron = await start(server());
    await neuron.load(SEEING);
    const messages = [{ role: 'user', content: 'word '.repeat(1500) }];

    const answer = await neuron.chat({ model: 'seeing/tiny', messages });

    const { error } = await answer.json();
    expect([answer.status, error.code]).toEqual([400, 'context_length_exceeded']);
    expect(error.message).toContain('maximum context length is 512 tokens');
  });
});

describe('the engine of a model with a projector beside it', () => {
  test('is our own if the load sets mmproj = "off" or names our engine', async () => {
    await using neuron = await start(folderWithServer());

    await neuron.load({ ...SEEING, mmproj: 'off' });
    expect((await neuron.model('seeing/tiny')).harness).toBe('llama');
    await neuron.post('/models/unload', { model_id: 'seeing/tiny' });
    await neuron.load({ ...SEEING, harness: 'llama' });
    expect((await neuron.model('seeing/tiny')).harness).toBe('llama');
  });

  test('is our own if there is no llama-server, with a warning that says what is missing', async () => {
    await using neuron = await start('/nowhere');

    await neuron.load(SEEING);

    const model = await neuron.model('seeing/tiny');
    expect(model.harness).toBe('llama');
    expect(model['warnings']).toEqual([expect.stringContaining('neuron build llama-server')]);
  });
});

test('a model without a projector stays on our own engine although there is a llama-server', async () => {
  await using neuron = await start(folderWithServer());

  await neuron.load({ context_length: 512 });

  const model = await neuron.model();
  expect(model.harness).toBe('llama');
  expect(model.harness_reason).toBeUndefined();
});

test('a load with n_cpu_moe runs on llama-server, and is refused if there is none', async () => {
  await using without = await start('/nowhere');
  const refused = await without.post('/models/load?wait=true', { model_id: 'tiny', n_cpu_moe: 2 });
  expect((await refused.json()).error).toMatchObject({
    code: 'unsupported_parameter',
    param: 'n_cpu_moe',
    message: expect.stringContaining('neuron build llama-server'),
  });

  await using neuron = await start(folderWithServer());
  await neuron.load({ n_cpu_moe: 2, context_length: 512 });
  expect(await neuron.model()).toMatchObject({ harness: 'llama-server', status: 'loaded' });
});

describe('a file whose architecture our own engine does not know', () => {
  const NEWER = { model_id: 'newer', context_length: 512 };
  let file: Uint8Array;
  beforeAll(async () => {
    const tiny = await readGguf(readFileSync(CORTEX_TINY));
    file = writeGguf(changed(tiny, { 'general.architecture': text('newarch9') }));
  });

  const startNewer = (searchPath: string) =>
    TestNeuron.start({
      parts: { searchPath, respawnPauseMs: () => 0 },
      prepare: (modelsDir) => writeFileSync(join(modelsDir, 'newer.gguf'), file),
    });

  test('runs on llama-server, and /models says why', async () => {
    await using neuron = await startNewer(folderWithServer());

    await neuron.load(NEWER);

    expect(await neuron.model('newer')).toMatchObject({
      harness: 'llama-server',
      harness_reason: 'our engine does not know its architecture',
      status: 'loaded',
    });
  });

  test('is refused with the architecture and what may help if there is no llama-server', async () => {
    await using neuron = await startNewer('/nowhere');

    const answer = await neuron.post('/models/load?wait=true', NEWER);

    expect(answer.status).toBe(422);
    const { error } = await answer.json();
    expect(error.code).toBe('model_load_failed');
    expect(error.message).toMatch(/newarch9.*A newer llama-server may know it/);
  });
});

describe('a model with prediction layers (MTP)', () => {
  const PREDICTING = { model_id: 'predicting', context_length: 512, slots: 1 };
  const REASON = 'it drafts with its own prediction layers (MTP)';
  /** As one that is older than these layers. */
  const OLD = `[ "$1" = --help ] && echo "--spec-type none,ngram-simple" && exit 0\n${FAKE}`;
  /** As one that knows the option, but not these layers of this architecture. */
  const UNABLE = `case "$*" in *draft-mtp*) echo "GGML_ASSERT(layer.nextn) failed" >&2; exit 1;; esac\n${FAKE}`;

  const startPredicting = (searchPath: string) =>
    TestNeuron.start({
      parts: { searchPath, respawnPauseMs: () => 0 },
      prepare: (modelsDir) => {
        writeModel(tinyQwen3Next(tokenizer, 1), modelsDir, 'predicting.gguf');
      },
    });
  const startedWith = async (neuron: TestNeuron): Promise<string> =>
    (await neuron.get('/models/predicting/logs')).text();

  let tokenizer: GgufFile;
  beforeAll(async () => {
    tokenizer = await readGguf(readFileSync(CORTEX_TINY));
  });

  test.each([
    ['a fake llama-server', FAKE, true],
    ['llama-server (needs a llama-server)', REAL, real !== undefined],
  ])('is drafted for on %s, and /models says why', async (_name, script, isThere) => {
    if (!isThere) return;
    await using neuron = await startPredicting(folderWithServer(0o755, script));

    await neuron.load(PREDICTING);

    const model = await neuron.model('predicting');
    expect(model).toMatchObject({ harness: 'llama-server', harness_reason: REASON });
    expect(model['warnings']).toBeUndefined();
    if (script === FAKE) expect(await startedWith(neuron)).toContain('decoding: draft-mtp');
    const answer = await neuron.chat({ model: 'predicting', max_tokens: 8, ignore_eos: true });
    const { usage, timings } = await answer.json();
    expect(usage.completion_tokens).toBe(8);
    if (script === REAL) expect(timings.draft_n).toBeGreaterThan(0);
  });

  test('stays on our engine with draft = "off"', async () => {
    await using neuron = await startPredicting(folderWithServer());

    await neuron.load({ ...PREDICTING, draft: 'off' });

    const model = await neuron.model('predicting');
    expect(model.harness).toBe('llama');
    expect(model['warnings']).toBeUndefined();
  });

  test('is drafted for where the load names llama-server', async () => {
    await using neuron = await startPredicting(folderWithServer());

    await neuron.load({ ...PREDICTING, harness: 'llama-server' });

    expect(await startedWith(neuron)).toContain('decoding: draft-mtp');
  });

  test.each([
    ['there is no llama-server', undefined],
    ['the llama-server is too old', OLD],
  ])('is loaded by our engine, with a warning, if %s', async (_why, script) => {
    const path = script === undefined ? '/nowhere' : folderWithServer(0o755, script);
    await using neuron = await startPredicting(path);

    await neuron.load(PREDICTING);

    const model = await neuron.model('predicting');
    expect(model).toMatchObject({ harness: 'llama', status: 'loaded' });
    expect(model['warnings']).toEqual([expect.stringContaining('--spec-type draft-mtp')]);
  });

  test('is loaded by our engine, with the reason, if llama-server cannot load it', async () => {
    await using neuron = await startPredicting(folderWithServer(0o755, UNABLE));

    await neuron.load(PREDICTING);

    const model = await neuron.model('predicting');
    expect(model).toMatchObject({ harness: 'llama', status: 'loaded' });
    expect(model['warnings']).toEqual([expect.stringContaining('GGML_ASSERT(layer.nextn) failed')]);
  });
});

test('a llama-server that every user may write to is not used', async () => {
  await using neuron = await start(folderWithServer(0o777));

  await neuron.load(SEEING);

  expect((await neuron.model('seeing/tiny')).harness).toBe('llama');
});

test('GET /health lists the llama-server only where there is one', async () => {
  const namesAt = async (neuron: TestNeuron): Promise<string[]> => {
    const { harnesses } = NodeHealth.parse(await (await neuron.get('/health')).json());
    return harnesses.map(({ name }) => name);
  };
  await using without = await start('/nowhere');
  await using neuron = await start(folderWithServer());

  expect(await namesAt(without)).toEqual(['llama']);
  expect(await namesAt(neuron)).toEqual(['llama', 'llama-server']);
});

test('a llama-server that appears while the daemon runs is used by the next load', async () => {
  const folder = folderWithServer();
  const program = join(folder, 'llama-server');
  const bytes = await Bun.file(program).bytes();
  rmSync(program);
  await using neuron = await start(folder);
  await neuron.load(SEEING);
  expect((await neuron.model('seeing/tiny')).harness).toBe('llama');
  await neuron.post('/models/unload', { model_id: 'seeing/tiny' });

  writeFileSync(program, bytes, { mode: 0o755 });

  await neuron.load(SEEING);
  expect((await neuron.model('seeing/tiny')).harness).toBe('llama-server');
});
