import { describe, expect, test } from 'bun:test';

import { type PromptVocabulary, Tokenizer } from '../tokenizer.ts';
import { TextTokens } from './text-tokens.ts';

/** Long enough, on any machine, that other work runs during tokenization. */
const PIECE_MS = 6;

/** A slow tokenizer with one token per line; `isCut`: texts may be cut after lines. */
function createVocabulary(isCut: boolean): PromptVocabulary & { readonly made: string[] } {
  const made: string[] = [];
  return {
    made,
    controlTexts: [],
    gapTokens: undefined,
    alwaysReadTexts: [],
    bytesOf: () => new Uint8Array(),
    isAdded: () => false,
    bosToken: 1,
    size: 100,
    longestTokenBytes: 100,
    detokenize: () => '',
    isEndOfGeneration: () => false,
    piecesOf: (text) => (isCut ? (text.match(/[^\n]*\n/g) ?? [text]) : [text]),
    tokenize: (piece) => {
      made.push(piece);
      const untilMs = performance.now() + PIECE_MS;
      while (performance.now() < untilMs);
      return Uint32Array.from(piece.match(/\n/g) ?? [], () => piece.charCodeAt(0));
    },
  };
}

const create = (vocabulary: PromptVocabulary, contextTokens: number): TextTokens =>
  new TextTokens({ vocabulary, tokenizer: new Tokenizer(vocabulary), contextTokens });

const linesOf = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${String.fromCharCode(50 + index)}\n`).join('');

/** How often other work runs during `work`. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const ended = work.finally(() => (isDone = true));
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  await ended;
  return turns;
}

describe('the tokens of a text', () => {
  const wanted = { param: 'input[3]', checkWanted: () => undefined };

  test('are made in slices that let other work run, and equal those of its pieces', async () => {
    const texts = create(createVocabulary(true), 32);
    const made = texts.of(linesOf(20), wanted);

    expect(await turnsDuring(made)).toBeGreaterThan(15);
    expect([...(await made)]).toEqual(Array.from({ length: 20 }, (_, index) => 50 + index));
  });

  test('are made once, without a count beforehand', async () => {
    const vocabulary = createVocabulary(true);

    await create(vocabulary, 32).of(linesOf(20), wanted);

    expect(vocabulary.made).toHaveLength(20);
  });

  test('are not completed when there are far too many', async () => {
    const vocabulary = createVocabulary(true);
    const made = create(vocabulary, 4).of(linesOf(40), wanted);

    await expect(made).rejects.toMatchObject({
      code: 'context_length_exceeded',
      details: { param: 'input[3]' },
    });
    expect(vocabulary.made.length).toBeLessThan(12);
  });

  test('are not completed when the request is cancelled', async () => {
    const vocabulary = createVocabulary(true);
    const checkWanted = () => {
      if (vocabulary.made.length === 3) throw new Error('left');
    };
    const made = create(vocabulary, 32).of(linesOf(20), { ...wanted, checkWanted });

    await expect(made).rejects.toThrow('left');
    expect(vocabulary.made).toHaveLength(3);
  });

  test('are made in one call for a vocabulary that does not allow cuts', async () => {
    const vocabulary = createVocabulary(false);

    await create(vocabulary, 32).of(linesOf(20), wanted);

    expect(vocabulary.made).toEqual([linesOf(20)]);
  });
});
