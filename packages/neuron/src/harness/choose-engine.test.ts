import { CortexError } from '@cortex/protocol';
import { describe, expect, test } from 'bun:test';

import { checkEngineFor, chooseEngine, chooseForUnknown, withEngineHint } from './choose-engine.ts';
import type { GgufHarness, HarnessFiles } from './harness.ts';
import { toLoadSettings } from './load-settings.ts';

const harness = (name: string): GgufHarness => ({
  name,
  kind: name,
  needs: 'gguf',
  onChange: () => undefined,
  health: () => ({ ok: true }),
  listModels: () => [],
  loadModel: () => Promise.reject(new Error('not asked')),
  unloadModel: async () => undefined,
  inferenceEndpoint: () => undefined,
  serve: () => Promise.reject(new Error('not asked')),
});

const own = harness('llama');
const other = harness('llama-server');

const unknown = new CortexError('model_load_failed', 'Cannot load it', {
  extra: { unknown_architecture: true },
});

const files = (fields: object = {}, mmprojPath?: string): HarnessFiles => ({
  modelId: 'm',
  modelPath: '/m.gguf',
  fingerprint: 'm',
  sizeBytes: 1,
  lora: [],
  mmprojPath,
  settings: toLoadSettings({ model_id: 'm', ...fields }),
});

describe('the engine of a load that names none', () => {
  test('is our own for what it can do', () => {
    expect(chooseEngine(files(), { own, other })).toEqual({ harness: own });
    expect(chooseEngine(files({ n_cpu_moe: 'auto' }), { own, other })).toEqual({ harness: own });
  });

  test('is llama-server for images and for experts in RAM, with the reason', () => {
    expect(chooseEngine(files({}, '/mmproj.gguf'), { own, other })).toEqual({
      harness: other,
      reason: 'it reads images with a projector (mmproj)',
    });
    expect(chooseEngine(files({ n_cpu_moe: 4 }), { own, other }).reason).toContain('n_cpu_moe');
  });

  test('is our own, with a warning, if there is no llama-server for the projector beside the model', () => {
    const choice = chooseEngine(files({}, '/mmproj.gguf'), { own, other: undefined });

    expect(choice.harness).toBe(own);
    expect(choice.warning).toContain('neuron build llama-server');
  });

  test.each([
    ['mmproj', files({ mmproj: 'file:/mmproj.gguf' }, '/mmproj.gguf')],
    ['n_cpu_moe', files({ n_cpu_moe: 4 })],
  ])('is missing if a setting needs llama-server and there is none: %s', (param, load) => {
    expect(() => checkEngineFor(load.settings, other)).not.toThrow();
    expect(() => checkEngineFor(load.settings, undefined)).toThrow(
      expect.objectContaining({
        code: 'unsupported_parameter',
        details: { param },
        message: expect.stringContaining('neuron build llama-server'),
      }),
    );
  });

  test('is llama-server after our own has refused an architecture that it does not know', () => {
    expect(chooseForUnknown(unknown, other)).toMatchObject({ harness: other });
    expect(chooseForUnknown(unknown, undefined)).toBeUndefined();
    expect(chooseForUnknown(new CortexError('model_load_failed', 'broken'), other)).toBeUndefined();
  });

  test('that does not know an architecture is reported with what may help', () => {
    const broken = new CortexError('model_load_failed', 'broken');

    expect(withEngineHint(unknown)).toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('A newer llama-server may know it'),
    });
    expect(withEngineHint(broken)).toBe(broken);
  });
});
