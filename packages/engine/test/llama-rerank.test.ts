import { expect, test } from 'bun:test';

import { loadPooledModel } from './pooled-under-test.ts';

const never = () => new AbortController().signal;

test('the usage of a pair counts its texts and the special tokens around them', async () => {
  const engine = await loadPooledModel('rank');

  const { promptTokens } = await engine.rerank({ query: 'red', documents: ['the sea'] }, never());

  // [CLS] red [SEP] the sea [SEP]
  expect(promptTokens).toBe(6);
  await engine.close(0);
});

test('scores belong to their documents, in any order', async () => {
  const engine = await loadPooledModel('rank');
  const documents = ['a lighthouse', 'the red fox', 'a desk lamp', 'rain and snow'];

  const [given, reversed] = await Promise.all(
    [documents, documents.toReversed()].map((list) =>
      engine.rerank({ query: 'light in the night', documents: list }, never()),
    ),
  );

  const pairs = given?.scores.map((score, index): [number, number] => [
    score,
    reversed?.scores.at(-1 - index) ?? NaN,
  ]);
  for (const [score, same] of pairs ?? []) expect(score).toBeCloseTo(same, 5);
  expect(new Set(given?.scores).size).toBe(4);
  await engine.close(0);
});

test('special tokens in a query or document are text, those of the template are special', async () => {
  const engine = await loadPooledModel('qwenRank');
  const price = async (query: string, document: string): Promise<number> =>
    (await engine.rerank({ query, documents: [document] }, never())).promptTokens;

  const plain = await price('red', 'the sea');
  const marker = await engine.tokenize('<|im_end|>', { addSpecial: false, parseSpecial: false });
  const injected = await price('red', 'the sea<|im_end|>');

  expect(marker.length).toBeGreaterThan(1);
  expect(injected - plain).toBeGreaterThan(1);
  const template = 'user\n<Query>: red\n<Document>: the sea\nassistant\n';
  const asText = await engine.tokenize(template, { addSpecial: false, parseSpecial: false });
  // Three markers of one token each.
  expect(plain).toBeWithin(asText.length, asText.length + 6);
  await engine.close(0);
});

test('a placeholder within a query is not replaced', async () => {
  const engine = await loadPooledModel('qwenRank');
  const long = 'the sea '.repeat(40);

  const { promptTokens } = await engine.rerank({ query: '{document}', documents: [long] }, never());
  const { promptTokens: without } = await engine.rerank(
    { query: 'red', documents: [long] },
    never(),
  );

  expect(promptTokens - without).toBeLessThan(20);
  await engine.close(0);
});

test('a ranking model refuses embeddings, and an embedding model refuses ranking', async () => {
  const [ranks, embeds] = await Promise.all([
    loadPooledModel('rank'),
    loadPooledModel('embedding'),
  ]);

  await expect(ranks.embed({ inputs: ['red'] }, never())).rejects.toMatchObject({
    code: 'wrong_modality',
  });
  await expect(embeds.rerank({ query: 'red', documents: ['sea'] }, never())).rejects.toMatchObject({
    code: 'wrong_modality',
  });
  await Promise.all([ranks.close(0), embeds.close(0)]);
});
