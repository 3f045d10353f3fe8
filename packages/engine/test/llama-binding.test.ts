import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import {
  type Context,
  installedVersion,
  LIBRARY_VERSION,
  type Model,
  openLibrary,
} from '../src/llama/binding.ts';
import { TINY_MODEL } from './llama-under-test.ts';
import { pooledModel } from './pooled-under-test.ts';

interface Piece {
  readonly sequence: number;
  readonly from: number;
}

async function openModel(path: string): Promise<Model> {
  const library = await openLibrary({ backend: 'cpu', threads: 1, log: () => undefined });
  return library.loadModel({
    path,
    gpuLayers: 0,
    vocabOnly: false,
    loadMode: 'read',
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}

/** The private members of the library that the engine uses. A new version of the library must pass these tests. */
describe('the binding to node-llama-cpp', () => {
  let model: Model;
  let context: Context;
  beforeAll(async () => {
    model = await openModel(TINY_MODEL);
    context = await model.createContext({
      slots: 2,
      contextTokens: 64,
      batchTokens: 32,
      threads: 1,
      kvType: 'f16',
      isBatchInvariant: true,
    });
  });
  afterAll(async () => {
    await context.dispose();
    await model.dispose();
  });

  const decode = async ({ sequence, from }: Piece, tokens: readonly number[]): Promise<number> => {
    context.native.initBatch(tokens.length);
    const [logits = -1] = context.native.addToBatch(
      sequence,
      from,
      Uint32Array.from(tokens),
      Uint32Array.of(tokens.length - 1),
    );
    await context.native.decodeBatch();
    const sampler = model.createSampler({ temperature: 0, topP: 1, minP: 0, seed: 1 });
    const token = await context.native.sampleToken(logits, sampler);
    sampler.dispose();
    return token;
  };

  test('is built for the installed version', async () => {
    expect(await installedVersion()).toBe(LIBRARY_VERSION);
  });

  test('decodes and samples, and a sequence that was cut continues as if it had never been longer', async () => {
    const first = await decode({ sequence: 0, from: 0 }, [5, 6, 7]);
    expect(context.native.removeTokenCellsFromSequence(0, 2, -1)).toBe(true);

    expect(await decode({ sequence: 0, from: 2 }, [7])).toBe(first);
  });

  test('gives the same next token from cells copied to another sequence', async () => {
    context.native.disposeSequence(0);
    const first = await decode({ sequence: 0, from: 0 }, [5, 6, 7, 8]);
    await context.native.copySequenceStateFromOtherSequence(1, 0);
    context.native.removeTokenCellsFromSequence(1, 3, -1);

    expect(await decode({ sequence: 1, from: 3 }, [8])).toBe(first);
  });

  test('throws on a wrong position instead of aborting the process', async () => {
    context.native.disposeSequence(0);
    await decode({ sequence: 0, from: 0 }, [5, 6]);

    const thrown = await decode({ sequence: 0, from: 40 }, [7]).then(
      () => undefined,
      (error: unknown) => error,
    );

    expect(thrown).toBeInstanceOf(Error);
  });

  test('gives one vector of the whole input, only of sequence 0, in a context for embeddings', async () => {
    const pooled = await openModel(pooledModel('qwenEmbedding'));
    const size = {
      slots: 2,
      contextTokens: 64,
      batchTokens: 32,
      threads: 1,
      isBatchInvariant: true,
    };
    const vectors = await pooled.createContext({
      ...size,
      kvType: 'f16',
      isBatchInvariant: true,
      pooled: 'embedding',
    });
    const { native } = vectors;
    const vectorOf = async (...sequences: (readonly number[])[]): Promise<Float64Array> => {
      native.disposeSequence(0);
      native.disposeSequence(1);
      native.initBatch(sequences.flat().length);
      for (const [sequence, tokens] of sequences.entries())
        native.addToBatch(sequence, 0, Uint32Array.from(tokens), Uint32Array.from(tokens.keys()));
      await native.decodeBatch();
      return native.getEmbedding(sequences.flat().length, 0);
    };

    const alone = await vectorOf([5, 6, 7]);
    const beside = await vectorOf([5, 6, 7], [8, 9]);

    expect(alone.length).toBe(pooled.embeddingSize);
    for (const [index, value] of beside.entries())
      expect(value).toBeCloseTo(alone[index] ?? NaN, 2);
    expect(await vectorOf([8, 9])).not.toEqual(alone);
    await vectors.dispose();
    await pooled.dispose();
  });

  test('throws on an invalid grammar', () => {
    expect(() => model.createGrammarState('root ::= (')).toThrow();
  });

  test('renders templates natively, and throws on one that does not compile', () => {
    expect(
      model.compileTemplate('{% for m in messages %}{{ m.content }}{% endfor %}')({
        messages: [{ content: 'x' }],
      }),
    ).toBe('x');
    expect(() => model.compileTemplate('{% if %}')({})).toThrow();
  });
});
