import { readFileSync } from 'node:fs';

import { NeuronUsage } from '@cortex/protocol';
import {
  asEmbeddingModel,
  asRankModel,
  embeddingModel,
  rankModel,
  writeModel,
} from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { z } from 'zod';

import { CORTEX_TINY, TestNeuron, until } from './test-neuron.ts';

const Usage = z.object({ prompt_tokens: z.int(), total_tokens: z.int() });

const Embeddings = z.object({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(
    z.object({
      object: z.literal('embedding'),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  usage: Usage,
});

const Ranking = z.object({
  object: z.literal('list'),
  model: z.string(),
  results: z.array(
    z.object({
      index: z.int(),
      relevance_score: z.number(),
      document: z.object({ text: z.string() }).optional(),
    }),
  ),
  usage: Usage,
});

let neuron: TestNeuron;
beforeAll(async () => {
  neuron = await TestNeuron.start({
    prepare: (dir) => {
      writeModel(embeddingModel(), dir, 'embedder.gguf');
      writeModel(rankModel(), dir, 'ranker.gguf');
    },
  });
  for (const id of ['tiny', 'embedder', 'ranker']) await neuron.load({ model_id: id, slots: 1 });
}, 60_000);
afterAll(() => neuron[Symbol.asyncDispose]());

const embed = (fields: object): Promise<Response> =>
  neuron.post('/v1/embeddings', { model: 'embedder', ...fields });
const embeddings = async (fields: object) => Embeddings.parse(await (await embed(fields)).json());
const rerank = (fields: object): Promise<Response> =>
  neuron.post('/v1/rerank', { model: 'ranker', ...fields });

function vectorOf({ data }: z.infer<typeof Embeddings>, at = 0): number[] {
  const found = data[at]?.embedding;
  if (typeof found === 'object') return found;
  throw new Error('no vector of numbers');
}

describe('/v1/embeddings', () => {
  test('returns a vector for each input, in order, with the usage for cortex', async () => {
    const answer = await embed({ input: ['the king', 'the queen'] });

    const body = Embeddings.parse(await answer.json());
    const usage = NeuronUsage.parse(JSON.parse(answer.headers.get('x-neuron-usage') ?? ''));
    expect(body.data.map(({ index }) => index)).toEqual([0, 1]);
    expect(body.model).toBe('embedder');
    expect(Math.hypot(...vectorOf(body))).toBeCloseTo(1, 4);
    expect(vectorOf(body)).not.toEqual(vectorOf(body, 1));
    expect(usage).toMatchObject({ completion_tokens: 0, prompt_tokens: body.usage.prompt_tokens });
    expect(answer.headers.get('x-neuron-prompt-tokens')).toBe(String(body.usage.prompt_tokens));
  });

  test('accepts a text, tokens, and lists of either', async () => {
    const tokenized = await neuron.post('/tokenize', {
      model: 'embedder',
      content: 'the king',
      add_special: true,
    });
    const { tokens } = z.looseObject({ tokens: z.array(z.int()) }).parse(await tokenized.json());

    const [one, list, ids, lists] = await Promise.all([
      embeddings({ input: 'the king' }),
      embeddings({ input: ['the king'] }),
      embeddings({ input: tokens }),
      embeddings({ input: [tokens, tokens] }),
    ]);

    expect(vectorOf(list)).toEqual(vectorOf(one));
    expect(ids.data).toHaveLength(1);
    expect(lists.data).toHaveLength(2);
    expect(vectorOf(lists)).toEqual(vectorOf(ids));
  });

  test('encodes vectors as base64 of little-endian float32 on request', async () => {
    const [plain, packed] = await Promise.all([
      embeddings({ input: 'the king', encoding_format: 'float' }),
      embeddings({ input: 'the king', encoding_format: 'base64' }),
    ]);

    const bytes = Buffer.from(String(packed.data[0]?.embedding), 'base64');
    const unpacked = vectorOf(plain).map((_, index) => bytes.readFloatLE(index * 4));
    expect(bytes).toHaveLength(vectorOf(plain).length * 4);
    unpacked.forEach((value, index) => expect(value).toBeCloseTo(vectorOf(plain)[index] ?? 0, 5));
  });

  test.each([
    [{}, 'input'],
    [{ input: '' }, 'input'],
    [{ input: [] }, 'input'],
    [{ input: ['a', ''] }, 'input[1]'],
    [{ input: ['a', 7] }, 'input[1]'],
    [{ input: Array.from({ length: 2049 }, () => 'a') }, 'input'],
    [{ input: 'a', encoding_format: 'hex' }, 'encoding_format'],
    [{ input: 'a', dimensions: 0 }, 'dimensions'],
  ])('refuses an invalid body with the name of the member: case %#', async (fields, param) => {
    const answer = await embed(fields);

    expect([answer.status, (await answer.json()).error.param]).toEqual([400, param]);
    expect((await neuron.health()).models.every((model) => model.in_flight === 0)).toBe(true);
  });

  test('refuses an input that exceeds the context', async () => {
    const answer = await embed({ input: ['the king', 'king '.repeat(2000)] });

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.code).toBe('context_length_exceeded');
  });

  test.each([
    ['/v1/embeddings', { model: 'tiny', input: 'a' }],
    ['/v1/rerank', { model: 'tiny', query: 'a', documents: ['b'] }],
    ['/v1/rerank', { model: 'embedder', query: 'a', documents: ['b'] }],
    ['/v1/embeddings', { model: 'ranker', input: 'a' }],
    ['/v1/chat/completions', { model: 'embedder', messages: [{ role: 'user', content: 'a' }] }],
    ['/v1/completions', { model: 'ranker', prompt: 'a' }],
  ])(
    'refuses a model of another modality with 422, as do the other routes: %s with %p',
    async (path, body) => {
      const answer = await neuron.post(path, body);

      expect([answer.status, (await answer.json()).error.code]).toEqual([422, 'wrong_modality']);
    },
  );
});

describe('/v1/rerank', () => {
  const documents = ['the king', { text: 'a queen of the hills' }, 'nothing'];

  test('returns a score for every document, the best first', async () => {
    const answer = await rerank({ query: 'king', documents });

    const { results, usage } = Ranking.parse(await answer.json());
    const scores = results.map(({ relevance_score: score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(new Set(results.map(({ index }) => index))).toEqual(new Set([0, 1, 2]));
    expect(results.every(({ document }) => document === undefined)).toBe(true);
    expect(usage.prompt_tokens).toBeGreaterThan(0);
    expect(answer.headers.has('x-neuron-usage')).toBe(true);
  });

  test('returns the top_n best documents, with their text on request', async () => {
    const answer = await rerank({ query: 'king', documents, top_n: 2, return_documents: true });

    const { results } = Ranking.parse(await answer.json());
    expect(results).toHaveLength(2);
    for (const { index, document } of results) {
      const given = documents[index];
      expect(document?.text).toBe((typeof given === 'string' ? given : given?.text) ?? '');
    }
  });

  test.each([
    [{ documents }, 'query'],
    [{ query: '', documents }, 'query'],
    [{ query: 'a' }, 'documents'],
    [{ query: 'a', documents: [] }, 'documents'],
    [{ query: 'a', documents: [7] }, 'documents[0]'],
    [{ query: 'a', documents, top_n: 0 }, 'top_n'],
  ])('refuses an invalid body with the name of the member: case %#', async (fields, param) => {
    const answer = await rerank(fields);

    expect([answer.status, (await answer.json()).error.param]).toEqual([400, param]);
  });
});

test('/models shows an embedding or rerank model as such before its first load, even with a chat template', async () => {
  const tiny = await readGguf(readFileSync(CORTEX_TINY));
  await using cold = await TestNeuron.start({
    prepare: (dir) => {
      writeModel(asEmbeddingModel(tiny), dir, 'embedder.gguf');
      writeModel(asRankModel(tiny), dir, 'ranker.gguf');
    },
  });
  const ask = async (id: string) => {
    const get = () => cold.get(`/models/${id}/capabilities`);
    await until(async () => (await get()).status === 200);
    return (await get()).json();
  };

  expect(await ask('embedder')).toEqual({ capabilities: ['embedding'] });
  expect(await ask('ranker')).toEqual({ capabilities: ['rerank'] });
}, 30_000);
