/** Names in requests never lead to a file outside the folders of the configuration. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { scriptedEngine, TestNeuron } from './test-neuron.ts';

/** Exists on every machine, and no folder of the test contains it. */
const OUTSIDE = '/etc/passwd';
const IDS = [
  '../secret',
  '..%2Fsecret',
  'a/../../secret',
  '/etc/passwd',
  '%2e%2e/secret',
  'models/../../secret',
  'secret\0',
  '.hidden',
];

let neuron: TestNeuron;
beforeAll(async () => {
  neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
  // A model beside the models folder, and a way to it from inside.
  writeFileSync(join(neuron.root, 'secret.gguf'), 'GGUF secret');
  mkdirSync(join(neuron.modelsDir, 'links'));
  symlinkSync(join(neuron.root, 'secret.gguf'), join(neuron.modelsDir, 'links', 'out.gguf'));
});
afterAll(() => neuron[Symbol.asyncDispose]());

async function refusal(call: object): Promise<{ status: number; text: string }> {
  const answer = await neuron.post('/models/load?wait=true', call);
  return { status: answer.status, text: await answer.text() };
}

describe('a model id with a path in it', () => {
  test.each(IDS)('is an unknown model when it is loaded: %j', async (id) => {
    const { status, text } = await refusal({ model_id: id });

    expect([400, 404, 422]).toContain(status);
    expect(text).not.toContain('root:');
  });

  test.each(IDS)('is unknown on every route that names a model: %j', async (loaded) => {
    // The load that failed is remembered under its own id.
    const id = `${loaded}.other`;
    const coded = encodeURIComponent(id);
    const answers = await Promise.all([
      neuron.get(`/models/${coded}/endpoint`),
      neuron.get(`/models/${coded}/logs`),
      neuron.get(`/models/${coded}/capabilities`),
      neuron.post(`/models/${coded}/estimate`, {}),
      neuron.post('/models/unload', { model_id: id }),
      neuron.chat({ model: id }),
      neuron.post('/tokenize', { model: id, content: 'a' }),
    ]);

    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => ![400, 404, 422, 503].includes(status))).toEqual([]);
    expect((await Promise.all(answers.map((answer) => answer.text()))).join('')).not.toContain(
      'root:',
    );
  });
});

describe('a file of a load outside the folders of the configuration', () => {
  test.each([
    ['source', { model_id: 'x', source: `file:${OUTSIDE}` }],
    ['source, relative', { model_id: 'x', source: 'file:../secret.gguf' }],
    ['source, coded', { model_id: 'x', source: 'file:..%2Fsecret.gguf' }],
    ['source, with three slashes', { model_id: 'x', source: `file://${OUTSIDE}` }],
    ['source, through a link', { model_id: 'x', source: 'file:links/out.gguf' }],
    ['adapter', { model_id: 'tiny', lora: [{ source: `file:${OUTSIDE}` }] }],
    ['draft', { model_id: 'tiny', draft: OUTSIDE }],
    ['draft, as a source', { model_id: 'tiny', draft: `file:${OUTSIDE}` }],
  ])('is refused, whether it exists or not: %s', async (_, call) => {
    const existing = await refusal(call);
    const missing = await refusal(
      JSON.parse(JSON.stringify(call).replaceAll('passwd', 'no-such-file')),
    );

    expect(existing.status).toBe(422);
    expect(existing.text).toContain('is outside models_dir, models_dirs and security.file_roots');
    expect(missing.status).toBe(422);
    expect(missing.text).not.toContain('does not exist');
  });
});
