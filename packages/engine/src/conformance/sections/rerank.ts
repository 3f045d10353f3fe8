import { expect, test } from 'bun:test';

import type { Engine } from '../../engine/engine.ts';
import type { RerankRequest, RerankScores } from '../../engine/vectors.ts';
import { CONTEXT_TOKENS, idle, type Section, underWay, thrownBy } from '../subject.ts';

const QUERY = 'light near the sea';
const DOCUMENTS = ['a lighthouse near the sea', 'a desk', 'the red fox is under the tree', 'ship'];

const rank = (
  engine: Engine,
  request: RerankRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<RerankScores> => engine.rerank(request, signal);

const manyDocuments = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `the fox jumps over stone ${index}`);

export const rerank: Section = (subject) => {
  test('rerank gives every document a score from 0 to 1', async () => {
    const { scores, promptTokens } = await rank(subject().engine, {
      query: QUERY,
      documents: DOCUMENTS,
    });

    expect(scores.length).toBe(DOCUMENTS.length);
    for (const score of scores) expect(score).toBeWithin(0, 1.000_001);
    expect(new Set(scores).size).toBeGreaterThan(1);
    expect(promptTokens).toBeGreaterThan(DOCUMENTS.length);
  });

  test('a document gets the same score alone and in a list, and scores keep the order of the documents', async () => {
    const { engine } = subject();

    const [together, ...alone] = await Promise.all([
      rank(engine, { query: QUERY, documents: DOCUMENTS }),
      ...DOCUMENTS.map((document) => rank(engine, { query: QUERY, documents: [document] })),
    ]);

    for (const [index, { scores }] of alone.entries())
      expect(scores[0]).toBeCloseTo(together.scores[index] ?? NaN, 4);
    const promptTokens = alone.reduce((total, answer) => total + answer.promptTokens, 0);
    expect(together.promptTokens).toBe(promptTokens);
  });

  test('a rerank score depends on the query', async () => {
    const { engine } = subject();
    const [document = ''] = DOCUMENTS;

    const [one, other] = await Promise.all(
      [QUERY, 'the dog sleeps'].map((query) => rank(engine, { query, documents: [document] })),
    );

    expect(one?.scores).not.toEqual(other?.scores ?? []);
  });

  test.each([
    [{ query: '', documents: ['red'] }, 'query'],
    [{ query: 'red', documents: [] }, 'documents'],
  ])('%j is refused, naming what is empty', async (request, param) => {
    const refused = await thrownBy(rank(subject().engine, request));

    expect(refused).toMatchObject({ code: 'invalid_request', details: { param } });
  });

  test('a document that is too long together with its query is refused by its index', async () => {
    const documents = ['red', 'red '.repeat(CONTEXT_TOKENS)];

    const refused = await thrownBy(rank(subject().engine, { query: QUERY, documents }));

    expect(refused).toMatchObject({
      code: 'context_length_exceeded',
      details: { param: 'documents[1]' },
    });
    expect(String(refused)).toContain(`maximum context length is ${CONTEXT_TOKENS} tokens`);
  });

  test('a cancelled call ends, and others continue', async () => {
    const { engine } = subject();
    const abort = new AbortController();
    const documents = manyDocuments(2000);
    const cancelled = rank(engine, { query: QUERY, documents }, abort.signal);
    await underWay(engine, cancelled);

    const other = await rank(engine, { query: QUERY, documents: DOCUMENTS });
    abort.abort();

    expect(other.scores.length).toBe(DOCUMENTS.length);
    expect(await thrownBy(cancelled)).toBeInstanceOf(Error);
    expect(await idle(engine)).toMatchObject({ queueDepth: 0, busySlots: 0 });
  });
};
