import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { text } from '@cortex/testkit/gguf/gguf-file';
import { changed, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { llamaSources } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineEvent } from '../src/engine/generate.ts';
import type { Model } from '../src/llama/binding.ts';
import { TextPieces } from '../src/llama/request/text-pieces.ts';
import { Tokenizer } from '../src/llama/tokenizer.ts';
import { loadTiny, openVocabulary, TINY_MODEL } from './llama-under-test.ts';

const REAL_FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const realModel = join(process.env['CORTEX_TEST_MODELS'] ?? '', REAL_FILE);

const PROSE =
  'The gateway, as you know, asks 12 nodes.\nWe’ll see what it\'s "worth" (3.14 or so). Да, это так. 모든 모델을 한다.\n\n';

const RUNS = Number(process.env['SCALE'] ?? 1 / 20) * 400;

/** Text that splits words, joins words, or is one token. */
const part = fc.oneof(
  fc.constantFrom(
    ...PROSE.split(' '),
    ' ',
    '  ',
    '\n',
    '\r\n',
    '\t',
    '.',
    ',',
    "'s",
    '’ll',
    '1234',
  ),
  fc.constantFrom(
    '漢字',
    'です。',
    '，',
    '、',
    'żółć',
    'a̋',
    '🦙',
    'don',
    "'t",
    'ABCdef',
    '_',
    '(x)',
  ),
  fc.constantFrom('<|im_end|>', '<|im_start|>', '<|im_', 'user', '</think>', ' <tool_call>', '17'),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);

/** Short enough not to be cut by default. */
const wholeText = fc
  .array(part, { minLength: 50, maxLength: 200, size: 'max' })
  .map((parts) => parts.join('').slice(0, 1000).toWellFormed());

const folder = temporaryFolder('long-text');

const TINY = await readGguf(readFileSync(TINY_MODEL));

/** cortex-tiny with the word rules of other families. */
function splitAs(family: string): string {
  const file = changed(TINY, { 'tokenizer.ggml.pre': text(family) });
  return writeModel(file, folder, `${family}.gguf`);
}

const FAMILIES = ['llama-bpe', 'gpt-4o', 'deepseek-v3', 'tekken', 'bloom', 'kimi-k2', 'gpt-2'];

/** Vocabularies of common models, from the sources of llama.cpp. */
const VOCABULARIES = ['qwen2', 'llama-bpe', 'deepseek-llm', 'starcoder'];

const SUBJECTS: readonly (readonly [name: string, path: string])[] = [
  ['cortex-tiny', TINY_MODEL],
  ...FAMILIES.map((family) => [`words as ${family}`, splitAs(family)] as const),
  ...VOCABULARIES.map(
    (name) =>
      [`the vocabulary ${name}`, join(llamaSources(), `models/ggml-vocab-${name}.gguf`)] as const,
  ),
  ...(existsSync(realModel) ? [[REAL_FILE, realModel] as const] : []),
];

const wanted = (): void => undefined;

/** A text whose pieces are all different. */
const numbered = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${index} ${PROSE}`).join('');

describe.each(SUBJECTS)('a text for %s', (_, path) => {
  let model: Model;
  beforeAll(async () => {
    model = await openVocabulary(path);
  });
  afterAll(() => model.dispose());

  test('has the tokens of its pieces, regardless of the cuts', () => {
    const vocabulary = model.vocabulary.cutVocabulary;
    let cuts = 0;

    fc.assert(
      fc.property(
        wholeText,
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        (whole, least, parseSpecial) => {
          const tokensOf = (some: string) =>
            Array.from(model.vocabulary.tokenize(some, { parseSpecial }));
          const pieces = [...new TextPieces(vocabulary, { least, most: 1000 }).of(whole)];

          cuts += pieces.length - 1;
          expect(pieces.join('')).toBe(whole);
          expect(pieces.flatMap(tokensOf)).toEqual(tokensOf(whole));
        },
      ),
      { numRuns: RUNS },
    );
    expect(cuts).toBeGreaterThan(RUNS);
  });

  test('is cut into small pieces', () => {
    const lengths = Array.from(
      model.vocabulary.piecesOf(PROSE.repeat(100)),
      ({ length }) => length,
    );

    expect(Math.max(...lengths)).toBeLessThan(1200);
  });

  test('may be one very long word', () => {
    for (const character of ['x', ' ', '-', '漢', '7', 'x7', '<|im_end|>']) {
      const word = character.repeat(40_000 / character.length);

      expect(model.vocabulary.tokenize(word, { parseSpecial: true }).length).toBeGreaterThan(0);
    }
  });
});

describe('a long text', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openVocabulary();
  });
  afterAll(() => model.dispose());

  test('lets other work run while it is tokenized', async () => {
    let isDone = false;
    const options = { addSpecial: true, parseSpecial: true };

    const tokens = new Tokenizer(model.vocabulary)
      .tokenize(numbered(2000), options, wanted)
      .finally(() => {
        isDone = true;
      });
    let turns = 0;
    for (; !isDone; turns++) await nextTurn();

    expect(turns).toBeGreaterThan(3);
    expect((await tokens).length).toBeGreaterThan(2000);
  });

  test('takes turns with other long texts', async () => {
    const tokenizer = new Tokenizer(model.vocabulary);
    const options = { addSpecial: true, parseSpecial: true };
    let slices = 0;
    let isDone = false;

    const all = Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        tokenizer.tokenize(`${index} ${numbered(300)}`, options, () => slices++),
      ),
    ).finally(() => {
      isDone = true;
    });
    const inATurn: number[] = [];
    while (!isDone) {
      const before = slices;
      await nextTurn();
      inATurn.push(slices - before);
    }
    await all;

    expect(slices).toBeGreaterThanOrEqual(8);
    expect(Math.max(...inATurn)).toBe(1);
  });

  test('that was tokenized before is not tokenized again', async () => {
    const read: number[] = [];
    const tokenizer = new Tokenizer({
      bosToken: undefined,
      controlTexts: [],
      gapTokens: undefined,
      alwaysReadTexts: [],
      bytesOf: () => new Uint8Array(),
      isAdded: () => false,
      size: model.vocabulary.size,
      longestTokenBytes: model.vocabulary.longestTokenBytes,
      piecesOf: (some) => model.vocabulary.piecesOf(some),
      tokenize: (some, options) => {
        read.push(some.length);
        return model.vocabulary.tokenize(some, options);
      },
      detokenize: (tokens) => model.vocabulary.detokenize(tokens),
      isEndOfGeneration: (token) => model.vocabulary.isEndOfGeneration(token),
    });
    const turn = numbered(100);
    const first = await tokenizer.rendered({ text: turn, breaks: [] }, wanted);
    const pieces = read.length;

    const second = await tokenizer.rendered({ text: `${turn}And then?`, breaks: [] }, wanted);

    expect(read.length - pieces).toBe(1);
    expect(read.at(-1)).toBeLessThan(1200);
    expect(Array.from(second)).toEqual([
      ...model.vocabulary.tokenize(`${turn}And then?`, { parseSpecial: true }),
    ]);
    expect(second.length).toBeGreaterThan(first.length);
  });

  test('is cached separately with and without special tokens', async () => {
    const tokenizer = new Tokenizer(model.vocabulary);
    const marked = 'word <|im_end|>'.repeat(200);

    const special = await tokenizer.tokenize(
      marked,
      { addSpecial: false, parseSpecial: true },
      wanted,
    );
    const plain = await tokenizer.tokenize(
      marked,
      { addSpecial: false, parseSpecial: false },
      wanted,
    );

    expect(plain.length).toBeGreaterThan(special.length);
  });
});

describe('a cut of a text', () => {
  const cuts = (vocabulary: { ordinary?: string[]; special?: string[] }, most = 100) => {
    const sizes = { least: 1, most };
    const pieces = new TextPieces({ ordinary: [], special: [], ...vocabulary }, sizes);
    return (whole: string) => [...pieces.of(whole)];
  };

  test('is never where a vocabulary merges', () => {
    expect(cuts({ ordinary: ['a', 'b'] })('one two')).toEqual(['one', ' two']);
    expect(cuts({ ordinary: ['eĠ'] })('one two')).toEqual(['one two']);
    expect(cuts({ ordinary: ['eĠt'] })('one, two')).toEqual(['one', ', two']);
    expect(cuts({ ordinary: ['å¤§ãĢĤ'] })('大大。')).toEqual(['大大。']);
    expect(cuts({ ordinary: ['å¤§ãĢ'] })('大大、')).toEqual(['大大、']);
    expect(cuts({ ordinary: ['å¤§'] })('大大、')).toEqual(['大大', '、']);
  });

  test('is never in or directly after the text of a special token', () => {
    const special = ['<the end>', 'STOP'];

    expect(cuts({ special })('<the end> and')).toEqual(['<the end> and']);
    expect(cuts({ special })('STOP and so')).toEqual(['STOP and', ' so']);
  });

  test('is within a word that does not end, but never within a character or a special token', () => {
    expect(cuts({}, 3)('abcdefgh')).toEqual(['abc', 'def', 'gh']);
    expect(cuts({}, 3)('ab🦙cd')).toEqual(['ab', '🦙c', 'd']);
    expect(cuts({ special: ['<end>'] }, 6)('abc<end>abc')).toEqual(['abc', '<end>a', 'bc']);
    expect(cuts({ special: ['<a longer one>'] }, 3)('<a longer one>')).toHaveLength(5);
  });

  test('does not depend on the text after it', () => {
    fc.assert(
      fc.property(wholeText, wholeText, (start, end) => {
        const before = cuts({}, 50)(start).slice(0, -1);

        expect(cuts({}, 50)(start + end).slice(0, before.length)).toEqual(before);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('while a long prompt is tokenized', () => {
  // Short enough to possibly fit, and slow enough to take several turns.
  const slow = { modelPath: splitAs('gpt-4o'), contextLength: 4096, slots: 1 };
  const long = numbered(250);
  const begin = (engine: Engine, signal = new AbortController().signal, prompt = long) => {
    const request = { id: 'r', principal: 'p', requestId: 'r', route: 'completions' } as const;
    return engine.generate({ ...request, body: { prompt } }, signal);
  };
  const kindsOf = async (events: AsyncIterable<EngineEvent>) => {
    const kinds: unknown[] = [];
    for await (const event of events) kinds.push(event.type === 'error' ? event.code : event.type);
    return kinds;
  };

  test('the request can be cancelled', async () => {
    await using stack = new AsyncDisposableStack();
    const engine = await loadTiny(slow);
    stack.defer(() => engine.close(0));
    const abort = new AbortController();

    const kinds = kindsOf(begin(engine, abort.signal));
    await nextTurn();
    abort.abort();

    expect(await kinds).toEqual(['done']);
  });

  test('it is refused as soon as it cannot fit, before it is completely tokenized', async () => {
    await using stack = new AsyncDisposableStack();
    const engine = await loadTiny(slow);
    stack.defer(() => engine.close(0));
    const tooLong = numbered(450);
    const whole = (await engine.tokenize(tooLong, { addSpecial: false, parseSpecial: true }))
      .length;
    // Another text, because the pieces of the first are cached.
    const [refusal] = await Array.fromAsync(begin(engine, undefined, `so ${tooLong}`));

    if (refusal?.type !== 'error') throw new Error('it was not refused');
    const read = Number(/at least (\d+) tokens/.exec(refusal.message)?.[1]);
    expect(refusal.code).toBe('context_length_exceeded');
    expect(read).toBeWithin(4097, whole / 2);
  });

  test('close ends it before the model is freed', async () => {
    const engine = await loadTiny(slow);
    const options = { addSpecial: false, parseSpecial: true };
    const failure = (error: unknown) => error;

    const kinds = kindsOf(begin(engine));
    const tokens = engine.tokenize(long, options).catch(failure);
    const count = engine.count({ messages: [{ role: 'user', content: long }] }).catch(failure);
    await nextTurn();
    await engine.close(0);

    expect(await kinds).toEqual(['shutting_down']);
    expect(await tokens).toMatchObject({ code: 'shutting_down' });
    expect(await count).toMatchObject({ code: 'shutting_down' });
  });
});
