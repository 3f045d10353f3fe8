import { afterAll, beforeAll, expect, test } from 'bun:test';

import {
  DetokenizeAnswer,
  EmbeddingList,
  ErrorEnvelope,
  RerankAnswer,
  TokenizeAnswer,
} from '@cortex/protocol';
import { embeddingModel, rankModel, writeModel } from '@cortex/testkit/gguf/pooled-models';
import OpenAI from 'openai';

import { startUp, type Up, Workspace } from './start-up.ts';

let up: Up;
let client: OpenAI;

beforeAll(async () => {
  const workspace = new Workspace();
  writeModel(embeddingModel(), workspace.modelsDir, 'tiny-embedding.gguf');
  writeModel(rankModel(), workspace.modelsDir, 'tiny-rank.gguf');
  up = await startUp({ workspace });
  client = new OpenAI({ baseURL: `${up.api}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await up[Symbol.asyncDispose]();
});

const post = (path: string, body: object): Promise<Response> =>
  fetch(`${up.api}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const cosine = (a: readonly number[] = [], b: readonly number[] = []): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

test('the official SDK gets embeddings that are closer for texts with more words in common', async () => {
  const input = ['the old ship at sea', 'a new ship at sea', 'the fox sleeps'];

  // The SDK requests base64 by default and decodes it.
  const { data, usage } = await client.embeddings.create({ model: 'tiny-embedding', input });

  const [ship, near, far] = data.map(({ embedding }) => embedding);
  expect(data.map(({ index }) => index)).toEqual([0, 1, 2]);
  expect(Math.hypot(...(ship ?? []))).toBeCloseTo(1, 4);
  expect(cosine(ship, near)).toBeGreaterThan(cosine(ship, far));
  // Includes [CLS] and [SEP] of each text.
  expect(usage).toMatchObject({ prompt_tokens: 19, total_tokens: 19 });
});

test('embeddings are the same as numbers and as base64', async () => {
  const model = 'tiny-embedding';

  const [packed, numbers] = await Promise.all([
    client.embeddings.create({ model, input: 'red' }),
    client.embeddings.create({ model, input: 'red', encoding_format: 'float' }),
  ]);

  expect(numbers.data[0]?.embedding).toEqual(Array.from(packed.data[0]?.embedding ?? []));
});

test('the answer of /v1/embeddings has the shape of OpenAI and its usage', async () => {
  const response = await post('/v1/embeddings', { model: 'tiny-embedding', input: [[5, 6], [7]] });

  expect(response.status).toBe(200);
  expect(response.headers.get('x-cortex-model')).toBe('tiny-embedding');
  const { data, usage } = EmbeddingList.parse(await response.json());
  expect(data).toHaveLength(2);
  expect(usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
  const metrics = await (await fetch(`${up.metrics}/metrics`)).text();
  expect(metrics).toMatch(
    /cortex_requests_total\{api="embeddings",model="tiny-embedding"[^}]*"ok"\} \d/,
  );
});

test.each([
  ['an empty input', { input: '' }, 400, 'invalid_request'],
  ['one token too many', { input: Array(513).fill(5) }, 400, 'context_length_exceeded'],
  ['other dimensions', { input: 'red', dimensions: 8 }, 400, 'unsupported_parameter'],
  ['a model that ranks', { model: 'tiny-rank', input: 'red' }, 422, 'wrong_modality'],
  ['a model that chats', { model: 'cortex-tiny', input: 'red' }, 422, 'wrong_modality'],
])('/v1/embeddings refuses %s with a matching error code', async (_what, body, status, code) => {
  const response = await post('/v1/embeddings', { model: 'tiny-embedding', ...body });

  expect(response.status).toBe(status);
  expect(ErrorEnvelope.parse(await response.json()).error.code).toBe(code);
});

test('/v1/rerank returns the documents, best first', async () => {
  const documents = ['a desk', { text: 'light near the sea' }, 'the fox'];

  const response = await post('/v1/rerank', {
    model: 'tiny-rank',
    query: 'light',
    documents,
    top_n: 2,
    return_documents: true,
  });

  const { results, usage } = RerankAnswer.parse(await response.json());
  expect(results).toHaveLength(2);
  const scores = results.map((result) => result.relevance_score);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  for (const { index, document } of results)
    expect(document?.text).toBe(['a desk', 'light near the sea', 'the fox'][index] ?? '');
  expect(usage.prompt_tokens).toBeGreaterThan(9);
});

test('/detokenize restores the text that /tokenize split', async () => {
  const text = 'What is cortex?';

  const tokenized = TokenizeAnswer.parse(
    await (await post('/tokenize', { model: 'cortex-tiny', content: text })).json(),
  );
  const back = await post('/detokenize', { model: 'cortex-tiny', tokens: tokenized.tokens });

  expect(tokenized.count).toBe(tokenized.tokens.length);
  expect(DetokenizeAnswer.parse(await back.json()).content).toBe(text);
});

test('a chat with an embedding model is refused with the name of the model', async () => {
  const refused: unknown = await client.chat.completions
    .create({ model: 'tiny-embedding', messages: [{ role: 'user', content: 'Hello' }] })
    .catch((error: unknown) => error);

  expect(refused).toMatchObject({ status: 422, code: 'wrong_modality' });
});
