import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type LoadModelRequest, ModelEntry } from '@cortex/protocol';
import { text } from '@cortex/testkit/gguf/gguf-file';
import { changed, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { z } from 'zod';

import { engineProcesses, type StartEngine } from '../src/engines/start-engine.ts';
import { CORTEX_TINY, readEngineRecords, TestNeuron, until } from './test-neuron.ts';

const tiny = await readGguf(readFileSync(CORTEX_TINY));

/** Writes `name`.gguf: cortex-tiny with another chat template. */
function writeWithTemplate(modelsDir: string, name: string, template: string): void {
  writeModel(
    changed(tiny, { 'tokenizer.chat_template': text(template) }),
    modelsDir,
    `${name}.gguf`,
  );
}

/** Long enough to count as endless, short enough to end by itself should nobody end it. */
const LOOP = `{%- for i in range(100000) %}{%- for j in range(100000) %}{%- if i + j < 0 %}x{%- endif %}{%- endfor %}{%- endfor %}`;
const ANSWERS = `{%- for m in messages %}{{ m.content }}\n{%- endfor %}`;
const REFUSES = `{{ raise_exception('only on Sundays') }}`;

const Answer = z.looseObject({
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
});

const load = async (neuron: TestNeuron, model_id: string, fields: object = {}) => {
  const answer = await neuron.post('/models/load?wait=true', { model_id, ...fields });
  const { error } = Answer.parse(await answer.json());
  return { status: answer.status, error };
};

const CHAT = { messages: [{ role: 'user', content: 'What is cortex?' }] };

const TEMPLATE_WORK_MS = 1000;

describe('a chat template', () => {
  let neuron: TestNeuron;
  let probesStarted = 0;
  const startProcess = engineProcesses({
    records: { add: () => undefined, remove: () => undefined },
  });
  const startProbe: StartEngine = (options) => {
    probesStarted++;
    return startProcess(options);
  };
  beforeAll(async () => {
    neuron = await TestNeuron.start({
      // Other templates render in milliseconds.
      parts: { templateWorkMs: TEMPLATE_WORK_MS, startProbe },
      prepare: (dir) => {
        writeWithTemplate(dir, 'loops', LOOP);
        writeWithTemplate(
          dir,
          'loops-with-tools',
          `${ANSWERS}{%- if tools %}{# <tool_call> #}${LOOP}{%- endif %}`,
        );
        writeWithTemplate(dir, 'refuses', REFUSES);
        writeWithTemplate(dir, 'broken', '{% if %}');
      },
    });
  });
  afterAll(() => neuron[Symbol.asyncDispose]());

  test.each(['loops', 'loops-with-tools'])(
    'that is endless fails the load with an error that names it, the second time at once: %s',
    async (id) => {
      const first = await load(neuron, id);
      const startedBefore = probesStarted;
      const second = await load(neuron, id, { detached: true });

      for (const { status, error } of [first, second]) {
        expect(status).toBe(422);
        expect(error).toMatchObject({ code: 'model_load_failed' });
        expect(error?.message).toContain(`${id}.gguf`);
        expect(error?.message).toContain('chat_template');
      }
      // The process of the first verdict was killed, and the second verdict needs none.
      expect(probesStarted).toBe(startedBefore);
      expect(await neuron.model(id)).toMatchObject({ status: 'failed' });
    },
    // The process gets its CPU time slowly on a busy machine.
    60_000,
  );

  test('that refuses plain conversations does not prevent completions', async () => {
    expect((await load(neuron, 'refuses')).status).toBe(200);

    const chat = await neuron.chat({ model: 'refuses' });
    const completion = await neuron.post('/v1/completions', {
      model: 'refuses',
      prompt: 'cortex is',
      max_tokens: 2,
    });

    expect(chat.status).toBe(422);
    expect((await chat.json()).error.message).toContain('only on Sundays');
    expect(completion.status).toBe(200);
  }, 30_000);

  test('that does not compile fails the load with its reason', async () => {
    const { status, error } = await load(neuron, 'broken');

    expect(status).toBe(422);
    expect(error?.message).toContain('chat template');
  }, 30_000);

  test('that is endless leaves no hanging engine, and other models load', async () => {
    expect((await load(neuron, 'tiny')).status).toBe(200);
    expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
  }, 30_000);
});

const Forecast = z.object({
  vram_mb: z.number(),
  ram_mb: z.number(),
  kv_mb_per_1k_tokens: z.number(),
  context_max: z.int(),
  slots_max: z.int(),
  context_length: z.int(),
  slots: z.int(),
  gpu_layers: z.string(),
  devices: z.array(z.int()),
  fits: z.boolean(),
  device: z.union([z.int(), z.literal('cpu')]).optional(),
  missing_mb: z.int().optional(),
});

const forecast = async (neuron: TestNeuron, fields: Partial<LoadModelRequest> = {}) =>
  Forecast.parse(await (await neuron.post('/models/tiny/estimate', fields)).json());

describe('the settings of a load', () => {
  test('are resolved from auto by the free memory, and shown', async () => {
    await using roomy = await TestNeuron.start();
    await roomy.load();
    const { ram_mb: needMib } = await forecast(roomy, { slots: 1 });
    await using narrow = await TestNeuron.start({ flags: { 'devices.cpu_memory_mb': needMib } });

    await narrow.load();

    const [wide, tight] = await Promise.all([roomy.model(), narrow.model()]);
    expect(wide.limit?.context).toBe(4096);
    expect(wide.settings).toMatchObject({ context_length: 'auto', slots: 'auto' });
    expect(wide.gpu_layers).toMatch(/^0\/\d+$/);
    expect(wide['ram_used_mb']).toBeGreaterThan(10);
    expect((await roomy.health()).models[0]?.max_in_flight).toBe(4);
    expect(tight.limit?.context).toBe(4096);
    expect((await narrow.health()).models[0]?.max_in_flight).toBe(1);
  }, 30_000);

  test('are refused with the missing memory when explicit numbers do not fit', async () => {
    await using neuron = await TestNeuron.start({ flags: { 'devices.cpu_memory_mb': 60 } });

    const answer = await neuron.post('/models/load', { model_id: 'tiny', slots: 64 });

    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    const { error } = await answer.json();
    expect(error).toMatchObject({ code: 'insufficient_vram', device: 'cpu' });
    expect(error.missing_mb).toBeGreaterThan(0);
    expect((await neuron.model()).status).toBe('unloaded');
  }, 30_000);

  test('are resolved with the memory that loaded models leave', async () => {
    await using neuron = await TestNeuron.start({ flags: { 'devices.cpu_memory_mb': 80 } });
    const before = await forecast(neuron);
    await neuron.post('/models/load?wait=true', {
      model_id: 'other',
      source: `file:${join(neuron.modelsDir, 'tiny.gguf')}`,
    });

    const after = await forecast(neuron);
    await neuron.post('/models/unload', { model_id: 'other' });

    expect(after.slots_max).toBeLessThan(before.slots_max);
    expect((await forecast(neuron)).slots_max).toBe(before.slots_max);
  }, 30_000);
});

test('the CPU is a device with the RAM that models may use and the part in use', async () => {
  await using neuron = await TestNeuron.start({ flags: { 'devices.cpu_memory_mb': 500 } });
  const cpu = async () => (await neuron.health()).devices.find(({ kind }) => kind === 'cpu');
  const { devices } = await (await neuron.get('/discovery')).json();
  const before = await cpu();

  await neuron.load();
  const { ram_used_mb: modelMib, ...loaded } = await neuron.model();

  expect(devices).toMatchObject([{ kind: 'cpu', vram_total_mb: 500 }]);
  expect(before).toMatchObject({ vram_used_mb: 0, vram_free_mb: 500 });
  const after = await cpu();
  expect(after?.vram_used_mb).toBeGreaterThan(5);
  // The model, without the runtime that every engine has.
  expect(after?.vram_used_mb).toBeLessThan(120);
  expect(after?.vram_used_mb).toBe(modelMib as number);
  expect((after?.vram_used_mb ?? 0) + (after?.vram_free_mb ?? 0)).toBe(500);
  expect(loaded.devices).toEqual([]);
}, 30_000);

describe('POST /models/{id}/estimate', () => {
  let neuron: TestNeuron;
  beforeAll(async () => {
    neuron = await TestNeuron.start({ flags: { 'devices.cpu_memory_mb': 500 } });
  });
  afterAll(() => neuron[Symbol.asyncDispose]());

  test('returns the memory that a load needs, without loading', async () => {
    const found = await forecast(neuron, { context_length: 1024, slots: 2 });

    expect(found).toMatchObject({ fits: true, context_length: 1024, slots: 2, devices: [] });
    expect(found.ram_mb).toBeGreaterThan(1);
    expect(found.kv_mb_per_1k_tokens).toBeGreaterThan(0);
    expect(found.context_max).toBe(4096);
    expect((await neuron.model()).status).toBe('unloaded');
  });

  test('returns the missing memory if the load does not fit', async () => {
    const found = await forecast(neuron, { context_length: 4096, slots: 100 });

    expect(found).toMatchObject({ fits: false, device: 'cpu' });
    expect(found.missing_mb).toBeGreaterThan(0);
  });

  test('returns more memory for larger settings', async () => {
    const [one, four, small] = await Promise.all([
      forecast(neuron, { slots: 1 }),
      forecast(neuron, { slots: 4 }),
      forecast(neuron, { slots: 4, kv_type: 'q8_0' }),
    ]);

    expect(four.ram_mb).toBeGreaterThan(one.ram_mb);
    expect(small.kv_mb_per_1k_tokens).toBeLessThan(four.kv_mb_per_1k_tokens);
  });

  test.each([
    [{ slots: 0 }, 400, 'slots'],
    [{ contxt: 1 }, 400, 'contxt'],
    [{ args: ['--x'] }, 400, 'args'],
  ])('refuses %p with the name of the member', async (fields, status, param) => {
    const answer = await neuron.post('/models/tiny/estimate', fields);

    expect([answer.status, (await answer.json()).error.param]).toEqual([status, param]);
  });

  test('reports a missing and a broken file', async () => {
    writeFileSync(join(neuron.modelsDir, 'broken.gguf'), 'this is no GGUF at all');

    const [absent, broken] = await Promise.all([
      neuron.post('/models/org/absent/estimate', {}),
      neuron.post('/models/broken/estimate', {}),
    ]);

    expect((await absent.json()).error.message).toContain('absent.gguf does not exist');
    expect((await broken.json()).error.message).toContain('broken.gguf');
  });
});

describe('a model on disk that is not loaded', () => {
  test('shows its capabilities after the first request for them, which does not wait', async () => {
    await using neuron = await TestNeuron.start();
    expect(await neuron.model()).toMatchObject({ capabilities: [] });

    const first = await neuron.get('/models/tiny/capabilities');

    expect([first.status, (await first.json()).error.code]).toEqual([503, 'model_loading']);
    await until(async () => (await neuron.get('/models/tiny/capabilities')).status === 200);
    const { capabilities } = await (await neuron.get('/models/tiny/capabilities')).json();
    expect(capabilities).toContain('text');
    expect(capabilities).toContain('tools');
    expect(await neuron.model()).toMatchObject({ status: 'unloaded', capabilities });
  }, 30_000);

  test('shows its capabilities and context after a load, also in the next daemon', async () => {
    await using neuron = await TestNeuron.start();
    await neuron.load({ context_length: 1024, slots: 1 });
    const { capabilities } = await neuron.model();
    await neuron.post('/models/unload', { model_id: 'tiny' });
    await neuron.close();

    await using next = await TestNeuron.start({ folder: neuron });

    expect(await next.model()).toMatchObject({
      status: 'unloaded',
      capabilities,
      limit: { context: 1024 },
    });
    expect(readEngineRecords(join(next.root, 'state'))).toEqual([]);
    ModelEntry.parse(await next.model());
  }, 30_000);

  test('reports why its file is broken instead of its capabilities', async () => {
    await using neuron = await TestNeuron.start({
      prepare: (dir) => writeFileSync(join(dir, 'broken.gguf'), 'this is no GGUF at all'),
    });
    const ask = () => neuron.get('/models/broken/capabilities');

    await until(async () => (await ask()).status === 422);

    expect((await (await ask()).json()).error.message).toContain('broken.gguf');
    expect((await neuron.get('/models/nobody/capabilities')).status).toBe(404);
  }, 30_000);

  test('counts the tokens of a chat exactly as when it is loaded', async () => {
    await using neuron = await TestNeuron.start();
    const count = async (): Promise<unknown> =>
      (await neuron.post('/count-tokens', { model: 'tiny', ...CHAT })).json();

    const cold = await count();
    await neuron.load();

    expect(await count()).toEqual(cold);
    const usage = (await (await neuron.chat({ max_tokens: 1 })).json()).usage;
    expect(cold).toEqual({ input_tokens: usage.prompt_tokens });
  }, 30_000);
});
