import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import type { ListedModel } from '../../listed-model.ts';
import { familyOf, sizeOf } from './model-facts.ts';
import {
  readOllamaShow,
  toOllamaPs,
  toOllamaShow,
  toOllamaTags,
  toOllamaVersion,
} from './model-lists.ts';
import { otherSpelling } from './model-name.ts';

const model = (id: string, members: Partial<ListedModel> = {}): ListedModel => ({
  id,
  object: 'model',
  created: 1_764_510_000,
  owned_by: 'cortex',
  loaded: false,
  status: { value: 'unloaded' },
  locations: [],
  feasible_on: [],
  capabilities: [],
  ...members,
});

const LOADED = model('Qwen/Qwen3-8B', {
  loaded: true,
  status: { value: 'loaded' },
  locations: [
    { node: 'a', status: 'loaded', vram_mb: 6000 },
    { node: 'b', status: 'loaded', vram_mb: 6500 },
  ],
  capabilities: ['reasoning', 'structured', 'text', 'tools'],
  limit: { context: 32_768, output: 32_768 },
  quantization: 'Q4_K_M',
  size_bytes: 5_027_783_488,
  modified_at: '2025-05-03T07:00:00.000Z',
});

const DETAILS = {
  parent_model: '',
  format: 'gguf',
  family: 'qwen3',
  families: ['qwen3'],
  parameter_size: '8B',
  quantization_level: 'Q4_K_M',
};

const namesIn = ({ models }: { readonly models?: unknown }): unknown[] =>
  Array.isArray(models) ? models.map(({ name }: { readonly name: string }) => name) : [];

const digests = (...models: readonly ListedModel[]) =>
  JSON.stringify(toOllamaTags(models)).match(/[0-9a-f]{64}/g);

describe('GET /api/tags', () => {
  test('lists a model with everything that is known', () => {
    const entry = {
      name: 'Qwen/Qwen3-8B:latest',
      model: 'Qwen/Qwen3-8B:latest',
      modified_at: '2025-05-03T07:00:00.000Z',
      size: 5_027_783_488,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      details: DETAILS,
    };

    expect(toOllamaTags([LOADED])).toEqual({ models: [entry] });
  });

  test('gives a model without a file the size of its memory and the start of cortex', () => {
    const { size_bytes: _size, modified_at: _modified, ...served } = LOADED;

    expect(toOllamaTags([served])).toMatchObject({
      models: [{ size: 6500 * 1024 * 1024, modified_at: '2025-11-30T13:40:00.000Z' }],
    });
  });

  test('lists a model of which nothing is known, with all members', () => {
    expect(toOllamaTags([model('thing')])).toMatchObject({
      models: [
        {
          name: 'thing:latest',
          size: 0,
          details: { family: 'thing', parameter_size: '', quantization_level: '' },
        },
      ],
    });
  });

  test('has the same digest for the same model, and another for another', () => {
    const [first, second, third] =
      digests(LOADED, model('b'), { ...LOADED, quantization: 'Q8_0' }) ?? [];

    expect(digests({ ...LOADED, loaded: false })).toEqual([String(first)]);
    expect(new Set([first, second, third]).size).toBe(3);
  });

  test('keeps tags, and adds none that is the name of another model', () => {
    const names = ['qwen3:8b', 'hf.co/org/m:Q4_K_M', 'host:5000/m', 'a', 'a:latest'];

    expect(namesIn(toOllamaTags(names.map((id) => model(id))))).toEqual([
      'qwen3:8b',
      'hf.co/org/m:Q4_K_M',
      'host:5000/m:latest',
      'a',
      'a:latest',
    ]);
  });
});

test('GET /api/ps lists what is loaded, with its memory and its context', () => {
  const { models } = toOllamaPs([model('cold'), LOADED]);

  expect(models).toMatchObject([
    {
      name: 'Qwen/Qwen3-8B:latest',
      size: 6500 * 1024 * 1024,
      size_vram: 6500 * 1024 * 1024,
      context_length: 32_768,
      expires_at: '2262-04-11T00:00:00Z',
      details: DETAILS,
    },
  ]);
});

describe('POST /api/show', () => {
  test('describes a model in the members that clients read', () => {
    expect(toOllamaShow(LOADED)).toEqual({
      license: '',
      modelfile: 'FROM Qwen/Qwen3-8B\n',
      parameters: 'num_ctx 32768',
      template: '{{ .Prompt }}',
      details: DETAILS,
      model_info: {
        'general.architecture': 'qwen3',
        'general.basename': 'Qwen3-8B',
        'general.parameter_count': 8e9,
        'qwen3.context_length': 32_768,
      },
      capabilities: ['completion', 'tools', 'thinking'],
      modified_at: '2025-05-03T07:00:00.000Z',
    });
  });

  test.each<[readonly string[], readonly string[]]>([
    [[], ['completion']],
    [['embedding'], ['embedding']],
    [
      ['vision', 'text', 'insert', 'reasoning', 'tools'],
      ['completion', 'tools', 'insert', 'vision', 'thinking'],
    ],
  ])('names the capabilities of %j', (ours, theirs) => {
    expect(toOllamaShow(model('m', { capabilities: [...ours] }))['capabilities']).toEqual([
      ...theirs,
    ]);
  });

  test('shows editors that a model fills in', () => {
    expect(toOllamaShow(model('m', { capabilities: ['text', 'insert'] }))['template']).toContain(
      '.Suffix',
    );
  });

  test('takes the name from either member', () => {
    expect(readOllamaShow({ model: 'a', name: 'b' })).toBe('a');
    expect(readOllamaShow({ name: 'b' })).toBe('b');
    expect(() => readOllamaShow({ model: '' })).toThrow(CortexError);
  });
});

test('GET /api/version is a version that clients accept', () => {
  expect(toOllamaVersion()).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
});

describe('What a name says:', () => {
  test.each([
    ['Qwen/Qwen3-Coder-30B-A3B-Instruct', 'qwen3', '30B', 3e10],
    ['llama3.2:3b', 'llama3', '3B', 3e9],
    ['unsloth/gemma-3-270m-it-GGUF', 'gemma', '270M', 2.7e8],
    ['mistralai/Mixtral-8x7B-v0.1', 'mixtral', '8x7B', 5.6e10],
    ['Qwen/Qwen2.5-0.5B-Instruct:Q4_K_M', 'qwen2', '0.5B', 5e8],
    ['nomic-embed-text-v1.5', 'nomic', undefined, undefined],
    ['org/bge-m3', 'bge', undefined, undefined],
    ['模型', 'unknown', undefined, undefined],
  ])('%s', (id, family, text, count) => {
    expect([familyOf(id), sizeOf(id)?.text, sizeOf(id)?.count]).toEqual([family, text, count]);
  });
});

describe('The other spelling of a name', () => {
  test.each([
    ['a', 'a:latest'],
    ['a:latest', 'a'],
    ['org/e', 'org/e:latest'],
    ['d:8b', undefined],
    ['host:5000/e', 'host:5000/e:latest'],
  ])('%s: %p', (name, other) => {
    expect(otherSpelling(name)).toBe(other);
  });
});
