/** The text of an answer equals the bytes of its tokens, in every kind of vocabulary. */
import { readFileSync } from 'node:fs';

import { f32s, type GgufFile, i32s, text, texts as textList } from '@cortex/testkit/gguf/gguf-file';
import { changed, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import type { Model } from '../src/llama/binding.ts';
import { TokenDecoder, TokenTexts } from '../src/llama/request/token-text.ts';
import { answer, loadTiny, openVocabulary, TINY_MODEL } from './llama-under-test.ts';

const tiny = await readGguf(readFileSync(TINY_MODEL));

/** Common texts with spaces before punctuation marks, which the library removes for many families. */
const TEXTS = [
  'git add .',
  'cd .. && ls .',
  'if ! test "$a" != "b"; then',
  'const x = a ? b : c , d;',
  '{"command": "find . -name *.ts"}',
  "it 's , they 're ' quoted ' and I 'm",
  'foo()\n    .bar()\n    ...rest\n  !important',
  'Bonjour ! Ça va ? 你好，世界。🙂👍🏽',
  '\tif x :\n\t\tpass\r\n',
  '\ufeffmark',
];

const ordinary = (list: readonly string[], types: readonly number[]): readonly string[] =>
  list.map((token, index) =>
    types[index] === 1
      ? token.replaceAll('Ġ', '▁').replaceAll('Ċ', '\n').replaceAll('ĉ', '\t')
      : token,
  );

function listOf<T>(file: GgufFile, key: string): T[] {
  const value = file.metadata.get(key);
  if (value?.type !== 'array') throw new Error(`${key} is no list`);
  return Array.from(value.values as Iterable<T>);
}

const byteTokens = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);

/** Merged pairs of characters, with U+2581 for a space: the vocabulary of Gemma 4. */
function gemmaLike(): GgufFile {
  const tokens = listOf<string>(tiny, 'tokenizer.ggml.tokens');
  const types = listOf<number>(tiny, 'tokenizer.ggml.token_type');
  const spelled = [...ordinary(tokens, types)];
  const places = types.flatMap((type, index) => (type === 1 ? [index] : [])).slice(-256);
  const lost = new Set(places.map((place) => tokens[place]));
  const merges = listOf<string>(tiny, 'tokenizer.ggml.merges').filter(
    (merge) => !lost.has(merge.replace(' ', '')),
  );
  for (const [byte, place] of places.entries()) {
    spelled[place] = byteTokens[byte] ?? '';
    types[place] = 6;
  }
  return changed(tiny, {
    'tokenizer.ggml.model': text('gemma4'),
    'tokenizer.ggml.tokens': textList(spelled),
    'tokenizer.ggml.token_type': i32s(types),
    'tokenizer.ggml.merges': textList(
      ordinary(
        merges,
        merges.map(() => 1),
      ),
    ),
  });
}

/** SentencePiece: words with their scores, and bytes for everything else. */
function sentencePiece(): GgufFile {
  const size = listOf<string>(tiny, 'tokenizer.ggml.tokens').length;
  const words = [
    '▁',
    '▁The',
    '▁cat',
    '▁sat',
    '▁.',
    '.',
    '!',
    '▁!',
    'a',
    't',
    'h',
    'e',
    'T',
    'c',
    's',
  ];
  const tokens = ['<unk>', '<s>', '</s>', ...byteTokens, ...words];
  const types = [2, 3, 3, ...byteTokens.map(() => 6), ...words.map(() => 1)];
  while (tokens.length < size) {
    tokens.push(`unused${tokens.length}`);
    types.push(5);
  }
  return changed(tiny, {
    'tokenizer.ggml.model': text('llama'),
    'tokenizer.ggml.pre': text('default'),
    'tokenizer.ggml.tokens': textList(tokens),
    'tokenizer.ggml.token_type': i32s(types),
    'tokenizer.ggml.scores': f32s(tokens.map((_, index) => -index)),
  });
}

const withRule = (pre: string): GgufFile => changed(tiny, { 'tokenizer.ggml.pre': text(pre) });

describe.each([
  ['cortex-tiny', () => tiny],
  ['Llama 3', () => withRule('llama-bpe')],
  ['GLM 4', () => withRule('glm4')],
  ['GPT-2', () => withRule('gpt-2')],
  ['Gemma 4', gemmaLike],
  ['SentencePiece', sentencePiece],
])('a vocabulary of %s', (_, file) => {
  let model: Model;
  beforeAll(async () => {
    model = await openVocabulary(writeModel(file(), temporaryFolder('token-text'), 'model.gguf'));
  });
  afterAll(() => model.dispose());

  /** `said` as an answer, token by token. */
  const spoken = (said: string): string => {
    const decoder = new TokenDecoder(new TokenTexts(model.vocabulary, new Set()), {
      startsText: true,
    });
    const tokens = Array.from(model.vocabulary.tokenize(said, { parseSpecial: false }));
    return tokens.map((token) => decoder.push(token)).join('') + decoder.end();
  };

  test.each(TEXTS)('loses nothing of %j', (said) => {
    expect(spoken(said)).toBe(said);
    expect(
      model.vocabulary.detokenize(
        Array.from(model.vocabulary.tokenize(said, { parseSpecial: false })),
      ),
    ).toBe(said);
  });

  test('loses nothing of a random text', () => {
    const parts = fc.constantFrom(
      ' ',
      '.',
      ' .',
      '!',
      '?',
      ',',
      "'",
      ' a',
      'the',
      '\n',
      '🙂',
      'é',
      '中',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(parts, fc.string()), { minLength: 1 }), (list) => {
        const said = list.join('').toWellFormed().replaceAll('\0', '');
        fc.pre(said !== '');
        expect(spoken(said)).toBe(said);
      }),
      { numRuns: 300 },
    );
  });
});

test.each([
  ['Gemma 4', gemmaLike],
  ['SentencePiece', sentencePiece],
])(
  'a long text for the vocabulary of %s, whose merges may cross any cut, is not cut',
  async (_, file) => {
    const model = await openVocabulary(
      writeModel(file(), temporaryFolder('token-text'), 'model.gguf'),
    );
    const long = 'The cat sat. '.repeat(1000);

    expect([...model.vocabulary.piecesOf(long)]).toEqual([long]);
    await model.dispose();
  },
);

test('an answer that continues a text keeps its first space, and one that starts a text does not', async () => {
  const model = await openVocabulary(
    writeModel(sentencePiece(), temporaryFolder('token-text'), 'model.gguf'),
  );
  const tokens = Array.from(model.vocabulary.tokenize('cat sat', { parseSpecial: false }));
  const say = (startsText: boolean): string => {
    const decoder = new TokenDecoder(new TokenTexts(model.vocabulary, new Set()), { startsText });
    return tokens.map((token) => decoder.push(token)).join('');
  };

  expect(say(false)).toBe(' cat sat');
  expect(say(true)).toBe('cat sat');
  await model.dispose();
});

test('documents, arguments and log-probabilities of a Llama vocabulary keep the space before a punctuation mark', async () => {
  const path = writeModel(withRule('llama-bpe'), temporaryFolder('token-text'), 'model.gguf');
  const engine = await loadTiny({ modelPath: path });
  const ask = { messages: [{ role: 'user', content: 'hi' }], temperature: 0 };
  const schema = { const: 'a ? b .' };

  const document = await answer(engine, {
    ...ask,
    logprobs: true,
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
  });
  const call = await answer(engine, {
    ...ask,
    tool_choice: 'required',
    tools: [
      {
        type: 'function',
        function: {
          name: 'sh',
          parameters: {
            type: 'object',
            properties: { cmd: { const: 'git add .' } },
            required: ['cmd'],
            additionalProperties: false,
          },
        },
      },
    ],
  });

  expect(JSON.parse(document.text)).toBe('a ? b .');
  const spelled = document.items.flatMap(({ logprobs = [] }) => logprobs);
  expect(Buffer.from(spelled.flatMap(({ bytes }) => bytes)).toString()).toBe(document.text);
  const args = call.items.map(({ tool }) => tool?.arguments ?? '').join('');
  expect(JSON.parse(args)).toEqual({ cmd: 'git add .' });
  const tokens = await engine.tokenize('git add .', { addSpecial: false, parseSpecial: false });
  expect(await engine.detokenize(tokens)).toBe('git add .');
  await engine.close(0);
});
