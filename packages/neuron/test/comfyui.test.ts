/** Images on ComfyUI. The server is a fake that speaks its documented API. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { FakeComfy, type FakeComfyOptions } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { failureOf, TestNeuron, until } from './test-neuron.ts';

const INPUTS = {
  text: '${prompt}',
  negative: '${negative_prompt}',
  width: '${width}',
  height: '${height}',
  steps: '${steps}',
  seed: '${seed}',
};

function workflows(): string {
  const folder = join(temporaryFolder('comfy'), 'flows');
  mkdirSync(join(folder, 'org'), { recursive: true });
  const write = (id: string, inputs: object): void =>
    writeFileSync(
      join(folder, `${id}.json`),
      JSON.stringify({ 3: { class_type: 'KSampler', inputs } }),
    );
  write('org/flux', INPUTS);
  write('batch', { ...INPUTS, batch_size: '${n}' });
  write('plain', { text: '${prompt}' });
  return folder;
}

async function setUp(options: FakeComfyOptions = {}, model = 'org/flux') {
  const comfy = new FakeComfy(options);
  const neuron = await TestNeuron.start({
    flags: {
      harnesses: [{ name: 'comfy', kind: 'comfyui', endpoint: comfy.url, workflows: workflows() }],
    },
  });
  await neuron.load({ model_id: model, harness: 'comfy' });
  const draw = (fields: object, signal?: AbortSignal): Promise<Response> =>
    neuron.post(
      '/v1/images/generations',
      { model, prompt: 'a cat', ...fields },
      { ...(signal && { signal }) },
    );
  return {
    comfy,
    neuron,
    draw,
    async [Symbol.asyncDispose]() {
      await neuron[Symbol.asyncDispose]();
      comfy[Symbol.dispose]();
    },
  };
}

const inputsOf = ({ runs }: FakeComfy): readonly unknown[] =>
  runs.map(({ prompt }) => Object(prompt)['3']?.inputs);

describe('a workflow of ComfyUI', () => {
  test('is a model that creates images', async () => {
    await using up = await setUp();

    expect(await up.neuron.model('org/flux')).toMatchObject({
      harness: 'comfy',
      status: 'loaded',
      capabilities: ['images'],
    });
  });

  test('gets the fields of the request, and its image is answered as base64', async () => {
    await using up = await setUp();

    const answer = await up.draw({
      size: '512x768',
      steps: 4,
      seed: 7,
      negative_prompt: 'dogs',
    });

    expect(inputsOf(up.comfy)).toEqual([
      { text: 'a cat', negative: 'dogs', width: 512, height: 768, steps: 4, seed: 7 },
    ]);
    const { data } = await answer.json();
    expect(data.map((image: { b64_json: string }) => atob(image.b64_json))).toEqual([
      'image of run-1.png',
    ]);
    expect(await up.neuron.seatsTaken()).toBe(0);
  });

  test('answers a data: URL on request', async () => {
    await using up = await setUp();

    const { data } = await (await up.draw({ response_format: 'url' })).json();

    expect(data[0].url).toBe(`data:image/png;base64,${btoa('image of run-1.png')}`);
  });

  test('runs once per image with the next seed, or once for all where it has ${n}', async () => {
    await using single = await setUp();
    await using batch = await setUp({}, 'batch');

    const images = await (await single.draw({ n: 3, seed: 5 })).json();
    await batch.draw({ n: 3, seed: 5 });

    expect(images.data).toHaveLength(3);
    expect(inputsOf(single.comfy)).toMatchObject([{ seed: 5 }, { seed: 6 }, { seed: 7 }]);
    expect(inputsOf(batch.comfy)).toMatchObject([{ seed: 5, batch_size: 3 }]);
  });

  test('uses the params of the load for fields that the request does not have', async () => {
    await using up = await setUp();
    await up.neuron.post('/models/unload', { model_id: 'org/flux' });
    const params = { size: '256x256', steps: 9 };
    await up.neuron.load({ model_id: 'org/flux', harness: 'comfy', params });

    await up.draw({ steps: 2 });

    expect(inputsOf(up.comfy)).toMatchObject([{ width: 256, steps: 2 }]);
  });

  test.each([
    ['size', '10'],
    ['n', 11],
    ['prompt', ''],
    ['stream', true],
    ['quality', 'hd'],
    ['response_format', 'png'],
  ])('refuses %s = %p with 400 and the name of the field', async (param, value) => {
    await using up = await setUp();

    const answer = await up.draw({ [param]: value });

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.param).toBe(param);
    expect(up.comfy.runs).toEqual([]);
  });

  test('without a placeholder for a field refuses the field instead of ignoring it', async () => {
    await using up = await setUp({}, 'plain');

    const refused = await up.draw({ seed: 5 });

    expect((await refused.json()).error).toMatchObject({
      code: 'unsupported_parameter',
      param: 'seed',
    });
    expect((await up.draw({ size: 'auto' })).status).toBe(200);
  });

  test('that ComfyUI refuses is answered with what it says about the node', async () => {
    const refusal = {
      error: { type: 'prompt_outputs_failed_validation', message: 'Prompt failed validation' },
      node_errors: { 3: { errors: [{ message: 'Value not in list', details: 'ckpt_name' }] } },
    };
    await using up = await setUp({ refusal });

    const answer = await up.draw({});

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.message).toContain(
      'Prompt failed validation; node 3: Value not in list ckpt_name',
    );
  });

  test('that fails is answered with the reason, and the seat is free', async () => {
    await using up = await setUp({ failure: 'out of memory' });

    const answer = await up.draw({});

    expect(answer.status).toBe(502);
    expect((await answer.json()).error.message).toContain('out of memory (KSampler)');
    expect(await up.neuron.seatsTaken()).toBe(0);
  });

  test('is interrupted when the client leaves, and runs that wait are not sent', async () => {
    await using up = await setUp({ isHeld: true });
    const leaving = new AbortController();
    const first = up.draw({}, leaving.signal).catch(() => undefined);
    await until(() => up.comfy.pending === 1);
    const second = up.draw({ prompt: 'a dog' });

    leaving.abort();
    await first;

    await until(() => up.comfy.runs.length === 2 && up.comfy.pending === 1 && up.comfy.isRunning);
    expect(up.comfy.calls).toContainEqual({ path: '/interrupt', body: { prompt_id: 'run-1' } });
    up.comfy.release();
    expect((await second).status).toBe(200);
    expect(await up.neuron.seatsTaken()).toBe(0);
  });

  test('shows the progress of its run in /health until the run has ended', async () => {
    await using up = await setUp({ isHeld: true });
    const progress = async () => (await up.neuron.health()).models[0]?.progress;
    const drawing = up.draw({ n: 2 });

    await until(() => up.comfy.pending === 1);
    await until(async () => (await progress()) === 0.025);
    up.comfy.release();
    await until(async () => (await progress()) === 0.525);
    up.comfy.release();

    expect((await drawing).status).toBe(200);
    expect(await progress()).toBeUndefined();
  });

  test('frees the memory of ComfyUI when its last model is unloaded', async () => {
    await using up = await setUp();
    await up.neuron.load({ model_id: 'batch', harness: 'comfy' });

    await up.neuron.post('/models/unload', { model_id: 'batch' });
    expect(up.comfy.calls).toEqual([]);
    await up.neuron.post('/models/unload', { model_id: 'org/flux' });

    expect(up.comfy.calls).toEqual([
      { path: '/free', body: { unload_models: true, free_memory: true } },
    ]);
  });

  test('refuses a request of more than a MiB with 413', async () => {
    await using up = await setUp();

    const answer = await up.draw({ prompt: 'x'.repeat(2 << 20) });

    expect(answer.status).toBe(413);
    expect((await answer.json()).error.message).toContain('reads at most 1048576 bytes');
    expect(await up.neuron.seatsTaken()).toBe(0);
  });

  test('does nothing else: other routes are refused with 422', async () => {
    await using up = await setUp();

    const answer = await up.neuron.chat({ model: 'org/flux' });

    expect(answer.status).toBe(422);
    expect((await answer.json()).error.code).toBe('wrong_modality');
  });

  test('that does not exist fails the load with the path of the file', async () => {
    await using up = await setUp();

    const failure = await failureOf(up.neuron.load({ model_id: 'absent', harness: 'comfy' }));

    expect(failure.message).toContain('flows/absent.json cannot be used: no such file');
  });

  test.each([
    ['context_length', 512],
    ['upstream_model', 'other'],
    ['on_image', 'placeholder'],
  ])('refuses a load with the setting %s', async (param, value) => {
    await using up = await setUp();

    const load = { model_id: 'plain', harness: 'comfy', [param]: value };
    const failure = await failureOf(up.neuron.load(load));

    expect(failure.message).toContain(`does not support ${param}.`);
  });
});
