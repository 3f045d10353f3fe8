import { describe, expect, test } from 'bun:test';

import {
  formatModelSettings,
  MODEL_SETTING_NAMES,
  type ModelSettings,
  readModelSettings,
  type WireModelSettings,
} from './model-settings.ts';
import { LoadModelRequest } from './neuron.ts';

/** Every setting, with a value that differs from the default. */
const EVERY: Required<WireModelSettings> = {
  harness: 'vllm',
  source: 'hf:org/repo',
  quant: 'Q4_K_M',
  devices: [1],
  tensor_parallel: 2,
  context_length: 4096,
  slots: 3,
  draft: 'lookup',
  gpu_layers: 12,
  kv_type: 'q8_0',
  lora: [{ source: 'file:a.gguf', scale: 0.5 }],
  mmproj: 'off',
  n_cpu_moe: 4,
  args: ['--flag'],
  upstream_model: 'other',
  params: { top_k: 4, stop_at: { max_len: 1 } },
  on_image: 'placeholder',
};

describe('the settings of a model', () => {
  test('all have a name', () => {
    expect(Object.keys(EVERY)).toEqual([...MODEL_SETTING_NAMES]);
  });

  test('survive a round trip between wire and internal names', () => {
    const settings = readModelSettings(LoadModelRequest.parse({ model_id: 'm', ...EVERY }));

    expect(settings).toMatchObject({ kvType: 'q8_0', upstreamModel: 'other', tensorParallel: 2 });
    expect(formatModelSettings(settings)).toEqual(EVERY);
  });

  test('are absent on the wire when undefined, and other fields are dropped', () => {
    const entry: ModelSettings & { readonly id: string } = {
      id: 'm',
      kvType: 'f16',
      draft: undefined,
    };

    expect(Object.entries(formatModelSettings(entry))).toEqual([['kv_type', 'f16']]);
  });

  test('keep the names inside `params`, which are the names of the caller', () => {
    const params = { chat_template_kwargs: { enable_thinking: false }, topK: 1 };

    expect(readModelSettings({ params }).params).toEqual(params);
    expect(formatModelSettings({ params }).params).toEqual(params);
  });
});
