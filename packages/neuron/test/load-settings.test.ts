import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type EngineLoadSpec, inProcessEngine, type MemoryEstimate } from '@cortex/engine';
import { createScriptedEngine } from '@cortex/testkit';
import { type GgufValue, text, u32 } from '@cortex/testkit/gguf/gguf-file';
import { changed, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyLlama } from '@cortex/testkit/gguf/tiny-llama';
import { tinyLora } from '@cortex/testkit/gguf/tiny-lora';
import { describe, expect, test } from 'bun:test';

import type { StartEngine } from '../src/engines/start-engine.ts';
import type { NeuronParts } from '../src/neuron.ts';
import { CORTEX_TINY, ONE_CARD, TestNeuron, until } from './test-neuron.ts';

/** A daemon on scripted engines that keeps what it told them to load. */
async function startRecording(prepare?: (modelsDir: string) => void, parts: NeuronParts = {}) {
  const specs: EngineLoadSpec[] = [];
  const startEngine: StartEngine = async () => {
    const engine = createScriptedEngine();
    const load = engine.load.bind(engine);
    engine.load = (spec, ...rest) => {
      specs.push(spec);
      return load(spec, ...rest);
    };
    const connection = await inProcessEngine(engine);
    return { connection, kill: () => void connection.close(0) };
  };
  const neuron = await TestNeuron.start({
    parts: { startEngine, ...parts },
    ...(prepare && { prepare }),
  });
  return { neuron, specs };
}

const refusalOf = async (neuron: TestNeuron, fields: object) => {
  const answer = await neuron.post('/models/load?wait=true', { model_id: 'tiny', ...fields });
  return { status: answer.status, ...(await answer.json()).error };
};

describe('a load call', () => {
  test('passes kv_type, gpu_layers and the params of the catalogue to the engine', async () => {
    const { neuron, specs } = await startRecording();
    await using _ = neuron;

    await neuron.load({ kv_type: 'q8_0', gpu_layers: 0, params: { temperature: 0.3 } });

    expect(specs).toMatchObject([
      { kvType: 'q8_0', gpuLayers: 0, params: { temperature: 0.3 }, contextLength: 8192, slots: 4 },
    ]);
  });

  test('passes adapters to the engine, with files below models_dir', async () => {
    const { neuron, specs } = await startRecording((dir) => {
      cpSync(join(dir, 'tiny.gguf'), join(dir, 'adapters', 'mine.gguf'));
    });
    await using _ = neuron;
    const path = join(neuron.modelsDir, 'adapters', 'mine.gguf');

    await neuron.load({
      lora: [{ source: 'file:adapters/mine.gguf', scale: 0.5 }, { source: `file:${path}` }],
    });

    expect(specs[0]?.lora).toEqual([
      { path, scale: 0.5 },
      { path, scale: 1 },
    ]);
  });

  test('passes a draft to the engine: lookup, the id of a model, or a path', async () => {
    const { neuron, specs } = await startRecording((dir) => {
      cpSync(join(dir, 'tiny.gguf'), join(dir, 'small.gguf'));
    });
    await using _ = neuron;
    const modelPath = join(neuron.modelsDir, 'small.gguf');

    for (const draft of ['lookup', 'small', modelPath, 'file:small.gguf']) {
      await neuron.load({ draft });
      await neuron.post('/models/unload', { model_id: 'tiny' });
    }

    const byModel = { kind: 'model', modelPath } as const;
    expect(specs.map(({ draft }) => draft)).toEqual([
      { kind: 'lookup' },
      byModel,
      byModel,
      byModel,
    ]);
  });

  describe('without a draft', () => {
    async function beside(change: Readonly<Record<string, GgufValue>> = {}) {
      const draft = tinyLlama(await readGguf(readFileSync(CORTEX_TINY)));
      return startRecording((dir) => {
        writeModel(changed(draft, change), dir, 'tiny-draft-F32.gguf');
      });
    }

    test('uses the draft model beside the model', async () => {
      const { neuron, specs } = await beside();
      await using _ = neuron;

      await neuron.load();

      const modelPath = join(neuron.modelsDir, 'tiny-draft-F32.gguf');
      expect(specs.at(-1)?.draft).toEqual({ kind: 'model', modelPath });
    });

    test.each([
      ['draft is off', { draft: 'off' }, {}],
      ['that has another tokenizer', {}, { 'tokenizer.ggml.pre': text('llama-bpe') }],
      ['that has recurrent state', {}, { 'llama.ssm.state_size': u32(8) }],
    ])('leaves out the one beside the model if %s', async (_when, fields, change) => {
      const { neuron, specs } = await beside(change);
      await using _ = neuron;

      await neuron.load(fields);

      expect(specs.at(-1)?.draft).toBeUndefined();
    });
  });

  test.each([
    [
      { lora: [{ source: 'file:absent.gguf' }] },
      422,
      'lora[0].source',
      'absent.gguf does not exist',
    ],
    [{ lora: [{ source: 'file:/etc/passwd' }] }, 422, 'lora[0].source', 'outside models_dir'],
    [{ lora: [{ source: 'hf:org/adapter' }] }, 400, 'lora[0].source', 'hf:org/adapter'],
    [
      { params: JSON.parse('{"__proto__":{"temperature":0}}') },
      400,
      'params.__proto__',
      'is not a known field',
    ],
    [JSON.parse('{"__proto__":{"slots":1}}'), 400, '__proto__', 'is not a known field'],
    [{ draft: 'absent' }, 422, 'draft', 'absent.gguf does not exist'],
    [{ draft: '/etc/passwd' }, 422, 'draft', 'outside models_dir'],
  ])('refuses %p before it starts an engine', async (fields, status, param, said) => {
    const { neuron, specs } = await startRecording();
    await using _ = neuron;

    const error = await refusalOf(neuron, fields);

    expect(error).toMatchObject({ status, param, message: expect.stringContaining(said) });
    expect(specs).toEqual([]);
  });
});

describe('a load on a GPU', () => {
  /** A probe that sees the card; `estimate` is what it says of a model. */
  const seeing =
    (estimate: (spec: EngineLoadSpec, budgetMib: number) => Partial<MemoryEstimate>): StartEngine =>
    async () => {
      const engine = createScriptedEngine();
      const unlimited = engine.estimate.bind(engine);
      engine.devices = async () => [{ name: 'Card', backend: 'cuda' }];
      engine.estimate = async (spec, budget) => {
        const roomy = { ...(await unlimited(spec, budget)), vramMib: 20_000, layers: 48 };
        if (budget.vramMib === undefined) return { ...roomy, contextTokens: 131_072 };
        return { ...roomy, ...estimate(spec, budget.vramMib) };
      };
      const connection = await inProcessEngine(engine);
      return { connection, kill: () => void connection.close(0) };
    };

  async function startOnCard(
    estimate:
      | Partial<MemoryEstimate>
      | ((spec: EngineLoadSpec, budgetMib: number) => Partial<MemoryEstimate>),
    prepare?: (modelsDir: string) => void,
  ) {
    const started = await startRecording(prepare, {
      gpuSources: ONE_CARD,
      startProbe: seeing(typeof estimate === 'function' ? estimate : () => estimate),
    });
    await until(async () =>
      (await started.neuron.health()).devices.some(({ kind }) => kind === 'cuda'),
    );
    return started;
  }

  test('uses as many layers as fit, and shows the compromises as warnings', async () => {
    const { neuron, specs } = await startOnCard({
      vramMib: 7000,
      gpuLayers: 31,
      contextTokens: 8192,
    });
    await using _ = neuron;

    await neuron.load();

    expect(specs).toMatchObject([{ backend: 'cuda', gpuLayers: 31, contextLength: 8192 }]);
    expect((await neuron.model())['warnings']).toEqual([
      expect.stringContaining('31 of 48 layers'),
      expect.stringContaining('kv_type = "q8_0"'),
    ]);
    expect((await neuron.model()).devices).toEqual([0]);
  });

  test.each<[string, Partial<MemoryEstimate>, boolean]>([
    ['uses the draft beside the model if both fit', {}, true],
    ['leaves it out if layers of the model would be in RAM', { gpuLayers: 31 }, false],
    ['leaves it out if the context would be too short', { contextTokens: 8192 }, false],
    ['leaves it out if the load would not fit', { fits: false, vramMib: 90_000 }, false],
  ])('%s', async (_what, drafted, isUsed) => {
    const draft = tinyLlama(await readGguf(readFileSync(CORTEX_TINY)));
    const whole = { vramMib: 7000, gpuLayers: 48, contextTokens: 65_536 };
    const { neuron, specs } = await startOnCard(
      (spec) => ({ ...whole, ...(spec.draft && drafted) }),
      (dir) => void writeModel(draft, dir, 'tiny-draft-F32.gguf'),
    );
    await using _ = neuron;

    await neuron.load();

    expect(specs.map((spec) => spec.draft !== undefined)).toEqual([isUsed]);
    expect(specs).toMatchObject([{ gpuLayers: 48, contextLength: 65_536 }]);
    const { warnings = [] } = await neuron.model();
    expect(String(warnings).includes('the draft model beside it is not used')).toBe(!isUsed);
  });

  /** It serves with 2900 MiB and takes up to 7000. */
  const flexible = (_spec: EngineLoadSpec, budgetMib: number): Partial<MemoryEstimate> =>
    budgetMib >= 7000
      ? { vramMib: 7000, gpuLayers: 48, contextTokens: 65_536 }
      : { vramMib: 2900, gpuLayers: 48, contextTokens: 8192, fits: budgetMib >= 2900 };

  test.each([
    ['chooses an automatic context within the limit of the call', 3000, 8192],
    ['ignores a limit with which the model does not serve', 2000, 65_536],
    ['takes what is free without a limit', undefined, 65_536],
  ])('%s', async (_what, limitMib, contextLength) => {
    const { neuron, specs } = await startOnCard(flexible);
    await using _ = neuron;

    await neuron.load({ vram_limit_mb: limitMib });

    expect(specs).toMatchObject([{ contextLength }]);
    expect((await neuron.model()).settings).toMatchObject({ context_length: 'auto' });
  });

  test('is estimated with what the model needs at least and at most, whatever is free', async () => {
    const { neuron } = await startOnCard(flexible);
    await using _ = neuron;

    const estimate = await (await neuron.post('/models/tiny/estimate', {})).json();

    expect(estimate).toMatchObject({ vram_mb: 7000, least_mb: 2900, most_mb: 20_000 });
  });

  test('passes explicit numbers to the engine unchanged', async () => {
    const { neuron, specs } = await startOnCard({ vramMib: 7000, gpuLayers: 48 });
    await using _ = neuron;

    await neuron.load({ gpu_layers: 'all', context_length: 4096, slots: 2 });
    expect((await neuron.model())['warnings']).toBeUndefined();
    await neuron.post('/models/unload', { model_id: 'tiny' });
    await neuron.load({ gpu_layers: 12 });

    expect(specs).toMatchObject([
      { gpuLayers: 'all', contextLength: 4096, slots: 2 },
      { gpuLayers: 12 },
    ]);
  });

  test('refuses gpu_layers = all that does not fit, with the device and the missing memory', async () => {
    const { neuron, specs } = await startOnCard({ vramMib: 9000, gpuLayers: 48, fits: false });
    await using _ = neuron;

    expect(await refusalOf(neuron, { gpu_layers: 'all' })).toMatchObject({
      status: 503,
      code: 'insufficient_vram',
      device: 0,
      missing_mb: 9000 - (8192 - 512),
    });
    expect(specs).toEqual([]);
  });
});

test('an adapter changes the text of the model', async () => {
  await using neuron = await TestNeuron.start({
    prepare: (dir) => void writeModel(tinyLora(), join(dir, 'adapters'), 'mine.gguf'),
  });
  const say = async (): Promise<unknown> => {
    const fields = { max_tokens: 16, temperature: 0 };
    return (await (await neuron.chat(fields)).json()).choices[0].message;
  };
  await neuron.load();
  const plain = await say();
  await neuron.post('/models/unload', { model_id: 'tiny' });

  await neuron.load({ lora: [{ source: 'file:adapters/mine.gguf', scale: 50 }] });

  expect(await say()).not.toEqual(plain);
  expect((await neuron.model()).settings['lora']).toHaveLength(1);
}, 30_000);
