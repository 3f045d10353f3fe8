import { CortexError } from '@cortex/protocol';
import { describe, expect, test } from 'bun:test';

import {
  checkEngineFor,
  chooseAgain,
  chooseEngine,
  enginesFor,
  namedEngine,
  withEngineHint,
} from './choose-engine.ts';
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
const drafting: GgufHarness = { ...other, draftsWithMtp: () => Promise.resolve(true) };
const both = { own, other, otherDraftsWithMtp: true };
const alone = { own, other: undefined, otherDraftsWithMtp: false };

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

/** A model with prediction layers. */
const predicting = (mmprojPath?: string): HarnessFiles => ({
  ...files({}, mmprojPath),
  predictionLayers: { weightBytes: 1, cellBytes: 1, stateBytes: 0 },
});

describe('the engine of a load that names none', () => {
  test('is our own for what it can do', () => {
    const expected = { harness: own, draftsWithMtp: false, warnings: [] };
    expect(chooseEngine(files(), both)).toEqual(expected);
    expect(chooseEngine(files({ n_cpu_moe: 'auto' }), both)).toEqual(expected);
  });

  test('is llama-server for images and for experts in RAM, with the reason', () => {
    expect(chooseEngine(files({}, '/mmproj.gguf'), both)).toEqual({
      harness: other,
      reason: 'it reads images with a projector (mmproj)',
      draftsWithMtp: false,
      warnings: [],
    });
    expect(chooseEngine(files({ n_cpu_moe: 4 }), both).reason).toContain('n_cpu_moe');
  });

  test('is our own, with a warning, if there is no llama-server for the projector beside the model', () => {
    const choice = chooseEngine(files({}, '/mmproj.gguf'), alone);

    expect(choice.harness).toBe(own);
    expect(choice.warnings).toEqual([expect.stringContaining('neuron build llama-server')]);
  });

  test('is llama-server for a model with prediction layers, if that can draft with them', () => {
    expect(chooseEngine(predicting(), both)).toEqual({
      harness: other,
      reason: 'it drafts with its own prediction layers (MTP)',
      draftsWithMtp: true,
      warnings: [],
    });
    for (const engines of [alone, { ...both, otherDraftsWithMtp: false }]) {
      expect(chooseEngine(predicting(), engines)).toEqual({
        harness: own,
        draftsWithMtp: false,
        warnings: [expect.stringContaining('needs a llama-server with --spec-type draft-mtp')],
      });
    }
  });

  test('is a llama-server that cannot draft with prediction layers if the model has a projector too', () => {
    const engines = { ...both, otherDraftsWithMtp: false };

    const choice = chooseEngine(predicting('/mmproj.gguf'), engines);

    expect(choice).toMatchObject({ harness: other, draftsWithMtp: false });
    expect(choice.warnings).toEqual([expect.stringContaining('prediction layers (MTP)')]);
  });

  test('is asked for drafting only if the model has prediction layers', async () => {
    const engines = { own, other: drafting };

    expect((await enginesFor(files(), engines)).otherDraftsWithMtp).toBe(false);
    expect((await enginesFor(predicting(), engines)).otherDraftsWithMtp).toBe(true);
    expect((await enginesFor(predicting(), { own, other })).otherDraftsWithMtp).toBe(false);
  });

  test('drafts with prediction layers where the call names one that can', async () => {
    expect((await namedEngine(drafting, predicting())).draftsWithMtp).toBe(true);
    expect((await namedEngine(drafting, files())).draftsWithMtp).toBe(false);
    expect((await namedEngine(own, predicting())).draftsWithMtp).toBe(false);
  });

  test('after a load with prediction layers has failed is the one for the load without them', () => {
    const asserted = new CortexError('model_load_failed', 'GGML_ASSERT');
    const tried = chooseEngine(predicting(), both);
    const seeing = chooseEngine(predicting('/mmproj.gguf'), both);

    const next = chooseAgain(asserted, { tried, files: predicting(), engines: both });
    const named = chooseAgain(asserted, {
      tried: { harness: other, draftsWithMtp: true, warnings: [] },
      files: predicting(),
      engines: undefined,
    });
    const withProjector = chooseAgain(asserted, {
      tried: seeing,
      files: predicting('/mmproj.gguf'),
      engines: both,
    });

    const warnings = [expect.stringMatching(/draft = "off".*GGML_ASSERT/)];
    expect(next).toEqual({ harness: own, draftsWithMtp: false, warnings });
    expect(named).toEqual({ harness: other, draftsWithMtp: false, warnings });
    expect(withProjector).toMatchObject({ harness: other, draftsWithMtp: false, warnings });
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
    const tried = chooseEngine(files(), both);
    const again = (error: unknown, engines: typeof both | typeof alone | undefined) =>
      chooseAgain(error, { tried, files: files(), engines });

    expect(again(unknown, both)).toMatchObject({
      harness: other,
      reason: 'our engine does not know its architecture',
    });
    expect(again(unknown, alone)).toBeUndefined();
    expect(again(unknown, undefined)).toBeUndefined();
    expect(again(new CortexError('model_load_failed', 'broken'), both)).toBeUndefined();
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
