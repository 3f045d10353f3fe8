import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { readOllamaEmbed, readOllamaEmbeddings } from './read-embed.ts';
import { readOllamaGenerate } from './read-generate.ts';

const JPEG = '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP==';

const jsonOf = (bytes: Uint8Array | undefined): unknown =>
  bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));

function sent(members: JsonObject): { readonly route: string; readonly body: unknown } {
  const request = readOllamaGenerate({ model: 'x', stream: false, ...members });
  if (request.kind !== 'answer') throw new Error(`no body: ${request.kind}`);
  return { route: request.route, body: jsonOf(request.body.named('m')) };
}

function errorOf(run: () => unknown): CortexError {
  try {
    run();
  } catch (error) {
    if (error instanceof CortexError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The only turn of a chat. */
const user = (...content: readonly object[]) => ({ messages: [{ role: 'user', content }] });

describe('A prompt', () => {
  test('is a chat of one turn', () => {
    expect(
      sent({ prompt: 'Why?', system: 'Be brief.', think: 'low', options: { seed: 1 } }),
    ).toEqual({
      route: 'chat',
      body: {
        model: 'm',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Why?' },
        ],
        reasoning_effort: 'low',
        seed: 1,
      },
    });
  });

  test('may have images, also alone', () => {
    const image = { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${JPEG}` } };

    expect(sent({ prompt: 'What?', images: [JPEG] }).body).toMatchObject(
      user(image, { type: 'text', text: 'What?' }),
    );
    expect(sent({ images: [JPEG] }).body).toMatchObject(user(image));
  });

  test('is answered the same with a template or the context of an earlier answer', () => {
    const plain = sent({ prompt: 'Why?' });

    expect(
      sent({ prompt: 'Why?', template: '{{ .Prompt }}', context: [1, 2, 3], raw: false }),
    ).toEqual(plain);
  });

  test('is continued as it is with "raw", without a limit unless there is one', () => {
    expect(sent({ prompt: '[INST] Why? [/INST]', raw: true })).toEqual({
      route: 'completions',
      body: { model: 'm', prompt: '[INST] Why? [/INST]', max_tokens: -1 },
    });
    expect(
      sent({
        prompt: 'a',
        raw: true,
        stream: true,
        options: { num_predict: 9, stop: '\n', min_p: 0.1 },
      }),
    ).toEqual({
      route: 'completions',
      body: {
        model: 'm',
        prompt: 'a',
        max_tokens: 9,
        stop: ['\n'],
        min_p: 0.1,
        stream: true,
        stream_options: { include_usage: true },
      },
    });
  });

  test('is filled in up to "suffix", also at the start of a file', () => {
    expect(sent({ prompt: 'def f(', suffix: '  return x', options: { temperature: 0 } })).toEqual({
      route: 'completions',
      body: { model: 'm', prompt: 'def f(', suffix: '  return x', max_tokens: -1, temperature: 0 },
    });
    expect(sent({ prompt: '', suffix: 'return x' }).body).toMatchObject({
      prompt: '',
      suffix: 'return x',
    });
    expect(sent({ prompt: 'Why?', suffix: '' }).route).toBe('chat');
  });

  test.each<[JsonObject, string]>([
    [{ raw: true, format: 'json' }, 'format'],
    [{ raw: true, images: [JPEG] }, 'images'],
    [{ raw: true, system: 'Be brief.' }, 'system'],
    [{ suffix: 'x', format: { type: 'object' } }, 'format'],
  ])('is refused with what no answer can honour: %j', (members, param) => {
    const error = errorOf(() => sent({ prompt: 'a', ...members }));

    expect([error.code, error.details.param]).toEqual(['unsupported_parameter', param]);
  });

  test.each([{}, { prompt: '' }, { prompt: null, images: [], suffix: '' }])(
    'that is missing only loads the model: %j',
    (members) => {
      expect(readOllamaGenerate({ model: 'x', ...members })).toEqual({
        kind: 'load',
        model: 'x',
        stream: true,
      });
      expect(readOllamaGenerate({ model: 'x', keep_alive: 0, ...members }).kind).toBe('unload');
    },
  );
});

const embed = (members: JsonObject): unknown =>
  jsonOf(readOllamaEmbed({ model: 'x', ...members }).body?.named('m'));

describe('Input for vectors', () => {
  test.each<[JsonObject, unknown]>([
    [{ input: 'a' }, { model: 'm', input: ['a'], encoding_format: 'float' }],
    [{ input: ['a', ''] }, { model: 'm', input: ['a', ''], encoding_format: 'float' }],
    [
      { input: ['a'], dimensions: 256, truncate: true, options: { num_ctx: 1 }, keep_alive: '5m' },
      { model: 'm', input: ['a'], dimensions: 256, encoding_format: 'float' },
    ],
    [
      { input: 'a', dimensions: 0 },
      { model: 'm', input: ['a'], encoding_format: 'float' },
    ],
    [{ input: '' }, undefined],
    [{ input: [] }, undefined],
    [{}, undefined],
  ])('%j is sent as %j', (members, expected) => {
    expect(embed(members)).toEqual(expected);
  });

  test('has another name on the older route', () => {
    expect(jsonOf(readOllamaEmbeddings({ model: 'x', prompt: 'a' }).body?.named('m'))).toEqual({
      model: 'm',
      input: ['a'],
      encoding_format: 'float',
    });
    expect(readOllamaEmbeddings({ model: 'x', prompt: '' })).toEqual({
      model: 'x',
      body: undefined,
    });
  });

  test('must be text', () => {
    expect(errorOf(() => embed({ input: 5 })).message).toBe(
      '"input" must be a string or a list of strings.',
    );
    expect(errorOf(() => embed({ input: ['a', 5] })).details.param).toBe('input[1]');
  });
});
