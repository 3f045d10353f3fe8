import { expect, test } from 'bun:test';

import type { Engine } from '../../engine/engine.ts';
import type { Embeddings, EmbedRequest } from '../../engine/vectors.ts';
import { CONTEXT_TOKENS, idle, loadFresh, type Section, underWay, thrownBy } from '../subject.ts';

const TEXTS = ['a lighthouse near the sea', 'the fox', 'red', 'is the old ship under the rain?'];

const embed = (
  engine: Engine,
  request: EmbedRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<Embeddings> => engine.embed(request, signal);

/** Many different texts. */
const manyTexts = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `the fox jumps over stone ${index}`);

const expectClose = (actual: readonly number[], expected: readonly number[]): void => {
  expect(actual.length).toBe(expected.length);
  const apart = actual.map((value, index) => Math.abs(value - (expected[index] ?? NaN)));
  expect(Math.max(...apart)).toBeLessThanOrEqual(1e-4);
};

export const embedding: Section = (subject, options) => {
  test('each input gets a vector of length 1, and equal texts get equal vectors', async () => {
    const inputs = ['a lighthouse', 'a neuron', 'a lighthouse'];

    const { vectors, promptTokens } = await embed(subject().engine, { inputs });

    expect(vectors.length).toBe(3);
    expect(new Set(vectors.map((vector) => vector.length)).size).toBe(1);
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
    expect(vectors[2]).toEqual(vectors[0] ?? []);
    expect(vectors[1]).not.toEqual(vectors[0] ?? []);
    expect(promptTokens).toBeGreaterThan(0);
  });

  test('a text gets the same vector alone and in a list, and vectors keep the order of the inputs', async () => {
    const { engine } = subject();

    const [together, ...alone] = await Promise.all([
      embed(engine, { inputs: TEXTS }),
      ...TEXTS.map((text) => embed(engine, { inputs: [text], principal: text })),
    ]);

    for (const [index, { vectors }] of alone.entries())
      expectClose(vectors[0] ?? [], together.vectors[index] ?? []);
    const promptTokens = alone.reduce((total, answer) => total + answer.promptTokens, 0);
    expect(together.promptTokens).toBe(promptTokens);
  });

  test('a list of tokens gives the vector of its text and counts as many prompt tokens', async () => {
    const { engine } = subject();
    const [text = ''] = TEXTS;
    const tokens = await engine.tokenize(text, { addSpecial: true, parseSpecial: false });

    const given = await embed(engine, { inputs: [tokens] });

    expect(given.promptTokens).toBe(tokens.length);
    expectClose(given.vectors[0] ?? [], (await embed(engine, { inputs: [text] })).vectors[0] ?? []);
  });

  test('the longest input that fits is embedded, and a longer one is refused by its index', async () => {
    const { engine } = subject();
    const [token = 0] = await engine.tokenize('red', { addSpecial: false, parseSpecial: false });
    const ofLength = (length: number): number[] => Array.from({ length }, () => token);

    const whole = await embed(engine, { inputs: [ofLength(CONTEXT_TOKENS)] });
    const refused = await thrownBy(
      embed(engine, { inputs: ['red', ofLength(CONTEXT_TOKENS + 1)] }),
    );

    expect(whole.promptTokens).toBe(CONTEXT_TOKENS);
    expect(refused).toMatchObject({
      code: 'context_length_exceeded',
      details: { param: 'input[1]' },
    });
    expect(String(refused)).toContain(`maximum context length is ${CONTEXT_TOKENS} tokens`);
  });

  test.each([
    [[], 'input'],
    [['red', ''], 'input[1]'],
    [[[]], 'input[0]'],
    [[[1, -1]], 'input[0][1]'],
    [[[1e9]], 'input[0][0]'],
  ])('%j is refused, naming %s', async (inputs, param) => {
    const refused = await thrownBy(embed(subject().engine, { inputs }));

    expect(refused).toMatchObject({ code: 'invalid_request', details: { param } });
  });

  test('a vector has the dimensions of the model', async () => {
    const { engine } = subject();
    const [whole = []] = (await embed(engine, { inputs: ['red'] })).vectors;

    const same = await embed(engine, { inputs: ['red'], dimensions: whole.length });
    const more = embed(engine, { inputs: ['red'], dimensions: whole.length + 1 });

    expect(same.vectors[0]).toEqual(whole);
    expect(await thrownBy(more)).toMatchObject({ details: { param: 'dimensions' } });
    const fewer = embed(engine, { inputs: ['red'], dimensions: 8 });
    if (options.cutsVectors !== true) {
      expect(await thrownBy(fewer)).toMatchObject({
        code: 'unsupported_parameter',
        details: { param: 'dimensions' },
      });
      return;
    }
    const head = whole.slice(0, 8);
    const length = Math.hypot(...head);
    expectClose(
      (await fewer).vectors[0] ?? [],
      head.map((value) => value / length),
    );
  });

  test('a cancelled call ends, and others continue', async () => {
    const { engine } = subject();
    const abort = new AbortController();
    const cancelled = embed(engine, { inputs: manyTexts(2000) }, abort.signal);
    const other = embed(engine, { inputs: TEXTS });
    await underWay(engine, cancelled);

    abort.abort();

    expect(await thrownBy(cancelled)).toBeInstanceOf(Error);
    expect((await other).vectors.length).toBe(TEXTS.length);
    expect(await idle(engine)).toMatchObject({ queueDepth: 0, busySlots: 0, runnableSlots: 0 });
  });

  test('a call that is cancelled before it starts does no work', async () => {
    const call = embed(subject().engine, { inputs: TEXTS }, AbortSignal.abort());

    expect(await thrownBy(call)).toBeInstanceOf(Error);
  });

  test('a long list of inputs does not delay a short one', async () => {
    const { engine } = subject();
    const abort = new AbortController();
    let isLongDone = false;
    const long = embed(engine, { inputs: manyTexts(2000) }, abort.signal).finally(
      () => (isLongDone = true),
    );
    await underWay(engine, long);

    await embed(engine, { inputs: ['red'] });

    expect(isLongDone).toBe(false);
    abort.abort();
    expect(await thrownBy(long)).toBeInstanceOf(Error);
  });

  test('a closing engine finishes its requests within the grace period and starts none', async () => {
    const engine = await loadFresh(subject(), 1);
    const requests = [1, 2, 3].map(() => embed(engine, { inputs: manyTexts(20) }));
    await underWay(engine, Promise.all(requests));

    const closed = engine.close(30_000);

    const answers = await Promise.all(requests);
    expect(answers.map(({ vectors }) => vectors.length)).toEqual([20, 20, 20]);
    await closed;
    const late = await thrownBy(embed(engine, { inputs: ['red'] }));
    expect(late).toMatchObject({ code: 'shutting_down' });
  });

  test('a close without a grace period ends requests with shutting_down', async () => {
    const engine = await loadFresh(subject(), 1);
    const running = embed(engine, { inputs: manyTexts(2000) });
    await underWay(engine, running);

    const [ended] = await Promise.all([thrownBy(running), engine.close(0)]);

    expect(ended).toMatchObject({ code: 'shutting_down' });
  });
};
