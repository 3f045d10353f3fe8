import { describe, expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { CortexError } from '../errors.ts';

import {
  type JsonScalar,
  type JsonView,
  readJsonView,
  readJsonViewInSlices,
  insertModel,
  rewriteBody,
  spliceModel,
} from './json-view.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const WANTED = ['model', 'stream', 'n', 'user', 'metadata.user_id'] as const;
const read = (text: string, wanted: readonly string[] = WANTED): JsonView =>
  readJsonView(encoder.encode(text), wanted);

/** The message of the `malformed_json` error for `text`. */
function refusal(text: string | Uint8Array): string {
  try {
    readJsonView(typeof text === 'string' ? encoder.encode(text) : text, WANTED);
  } catch (error) {
    if (error instanceof CortexError && error.code === 'malformed_json') return error.message;
    throw error;
  }
  throw new Error(`not refused: ${String(text)}`);
}

describe('the scalars that a JSON view wants', () => {
  test('are found at any position and decoded', () => {
    const view = read(
      ' {"a":[{"model":"no"}],\n"n" : -1.5e2,"stream":true,"user":null,"model":"q\\u0077en \\ud83d\\ude00ü"} ',
    );

    expect(view.values).toEqual({ n: -150, stream: true, user: null, model: 'qwen 😀ü' });
  });

  test('are absent when missing or when the value is an object', () => {
    expect(read('{"model":{"model":"x"},"n":[1]}').values).toEqual({});
    expect(read('{"model":{"model":"x"}}').modelRange).toBeUndefined();
  });

  test('are named as containers when the last value is an object or an array', () => {
    const view = read('{"n":[1],"user":{"a":1},"user":"u","stream":true,"stream":{},"other":{}}');

    expect(view.containers).toEqual(new Set(['n', 'stream']));
    expect(view.values).toEqual({ user: 'u' });
  });

  test('are read only at the top level', () => {
    const view = read('{"x":{"model":"a","stream":true},"y":[{"model":"b"}],"model":"c"}');

    expect(view.values).toEqual({ model: 'c' });
  });

  test('take the last duplicate, even when its key is written with escapes', () => {
    const view = read('{"model":"a","n":1,"n":{},"mod\\u0065l":"b"}');

    expect(view.values).toEqual({ model: 'b' });
    expect(view.modelRange).toEqual([39, 42]);
  });

  test('inside a duplicated object are those of its last duplicate', () => {
    expect(read('{"metadata":{"user_id":"a"},"metadata":{}}').values).toEqual({});
    expect(read('{"metadata":{"user_id":"a"},"metadata":7}').values).toEqual({});
    expect(read('{"metadata":{"user_id":"a","user_id":"b"}}').values).toEqual({
      'metadata.user_id': 'b',
    });
    expect(read('{"metadata.user_id":"a","metadata":[{"user_id":"a"}]}').values).toEqual({});
  });

  test('are cut at a character boundary after 64 KiB', () => {
    const { user } = read(JSON.stringify({ user: 'ü'.repeat(100_000) })).values;

    expect(user).toBe('ü'.repeat(32_768));
  });
});

describe('a body with a byte order mark at its start', () => {
  test('is read like one without, and its byte range of the model counts the mark', () => {
    const view = read('\uFEFF {"model":"m","stream":true}');

    expect(view.values).toEqual({ model: 'm', stream: true });
    expect(view.modelRange).toEqual([13, 16]);
  });

  test('keeps its byte order mark when a model is inserted or replaced', () => {
    const without = encoder.encode('\uFEFF{"n":1}');
    const { modelRange } = read('\uFEFF{"model":"m"}');
    if (modelRange === undefined) throw new Error('no range');

    expect([...insertModel(without, 'x')]).toEqual([
      ...encoder.encode('\uFEFF{"model":"x","n":1}'),
    ]);
    expect([...spliceModel(encoder.encode('\uFEFF{"model":"m"}'), modelRange, 'x')]).toEqual([
      ...encoder.encode('\uFEFF{"model":"x"}'),
    ]);
  });

  test('is refused if the mark is cut off or not at the start', () => {
    expect(refusal(new Uint8Array([0xef, 0xbb, 0x7b, 0x7d]))).toContain('found 0xef at byte 0');
    expect(refusal('{\uFEFF}')).toContain('found 0xef at byte 1');
  });
});

describe('a body that is not a JSON object', () => {
  test.each([
    ['', 'it ends at byte 0'],
    ['   ', 'it ends at byte 3'],
    ['[]', 'found "[" at byte 0, expected an object'],
    ['"x"', 'found """ at byte 0'],
    ['{"a":1} x', 'found "x" at byte 8, expected the end of the body'],
    ['{"a":1}{', 'found "{" at byte 7'],
    ['{"a":1', 'it ends at byte 6'],
    ['{"a":"', 'it ends at byte 6, expected the end of a string'],
    ['{"a":"\\"}', 'it ends at byte 9'],
    ['{"a"', 'it ends at byte 4, expected ":"'],
    ['{"a":', 'it ends at byte 5, expected a value'],
    ['{"a" 1}', 'found "1" at byte 5, expected ":"'],
    ['{a:1}', 'found "a" at byte 1, expected a key'],
    ["{'a':1}", 'found "\'" at byte 1'],
    ['{"a":1,}', 'found "}" at byte 7, expected a key'],
    ['{,}', 'found "," at byte 1'],
    ['{"a":[1,]}', 'found "]" at byte 8, expected a value'],
    ['{"a":[1}', 'found "}" at byte 7'],
    ['{"a":{"b":1]}', 'found "]" at byte 11'],
    ['{"a":01}', 'found "1" at byte 6'],
    ['{"a":-}', 'found "}" at byte 6, expected the rest of a number'],
    ['{"a":1.}', 'found "}" at byte 7'],
    ['{"a":1e+}', 'found "}" at byte 8'],
    ['{"a":+1}', 'found "+" at byte 5'],
    ['{"a":tru}', 'found "}" at byte 8'],
    ['{"a":nulll}', 'found "l" at byte 9'],
    ['{"a":NaN}', 'found "N" at byte 5'],
    ['{"a":\u00001}', 'found 0x00 at byte 5'],
    ['{"a":\u00a01}', 'found 0xc2 at byte 5'],
    ['{"model":"a\nb"}', 'the string at byte 9 contains a control character'],
    ['{"model":"\\x"}', 'the string at byte 9'],
    ['{"metadata":{"\\q":1}}', 'at byte 14, expected a key without'],
  ])('is refused with the position of the error: %j', (text, reason) => {
    expect(refusal(text)).toContain(reason);
  });

  test('is refused when it is truncated at any byte', () => {
    const text = '{"a":[true,null,{"b":"x\\"y","c":-1.5e3}],"model":"m"}';

    for (let length = 0; length < text.length; length += 1)
      expect(refusal(text.slice(0, length))).toContain(`byte ${length}`);
  });
});

describe('an unusual but valid body', () => {
  test('is read when it is nested 100,000 levels deep', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

    expect(read(`{"x":${deep},"model":"m"}`).values['model']).toBe('m');
    expect(read(`{"messages":${deep},"model":"m"}`).values['model']).toBe('m');
    expect(
      read(`{"x":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)},"model":"m"}`).values['model'],
    ).toBe('m');
  });

  test('with invalid UTF-8 inside strings is read as JSON.parse reads the decoded text', () => {
    const bytes = new Uint8Array([
      ...encoder.encode('{"model":"a'),
      0xff,
      ...encoder.encode('b"}'),
    ]);

    expect(readJsonView(bytes, WANTED).values['model']).toBe('a\uFFFDb');
  });
});

/** A view that can be compared. */
const contentOf = (view: JsonView) => ({ ...view, affinityTexts: view.affinityTexts() });

/** The affinity texts of a body, decoded. */
const affinityOf = (body: string): string[] | undefined =>
  read(body)
    .affinityTexts()
    ?.map((text) => new TextDecoder().decode(text));

describe('the affinity texts of a body', () => {
  test('are the system text and the first user turn, regardless of later turns', () => {
    const first =
      '{"messages":[{"role":"system","content":"be kind"},{"content":"hi","role":"user"}';

    expect(affinityOf(`${first}]}`)).toEqual(['be kind', 'hi']);
    expect(
      affinityOf(
        `${first},{"role":"assistant","content":"yo"},{"role":"system","content":"more"},{"role":"user","content":"bye"}]}`,
      ),
    ).toEqual(['be kind', 'hi']);
  });

  test('join text parts and the system field of Anthropic bodies', () => {
    expect(
      affinityOf(
        '{"system":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"messages":[{"role":"user","content":[{"type":"image","source":{"text":"no"}},{"type":"text","text":"c\\nd"}]}]}',
      ),
    ).toEqual(['ab', 'c\nd']);
  });

  test('are cut at a character boundary after 4 KiB of each text', () => {
    const escaped = '\\u00fcü\\n'.repeat(10_000);
    const plain = 'üü€'.repeat(10_000);

    const [system, user] =
      affinityOf(
        `{"messages":[{"role":"developer","content":"${escaped}"},{"role":"user","content":"${plain}"}]}`,
      ) ?? [];

    expect(system).toBe('üü\n'.repeat(819));
    expect(user).toBe('üü€'.repeat(585));
  });

  test('have 4 KiB of many parts together', () => {
    const parts = Array.from({ length: 100 }, () => `{"type":"text","text":"${'x'.repeat(1000)}"}`);

    expect(affinityOf(`{"messages":[{"role":"user","content":[${parts.join(',')}]}]}`)).toEqual([
      '',
      'x'.repeat(4096),
    ]);
  });

  test('are the same however their characters are escaped', () => {
    const bodyWith = (text: string): string => `{"messages":[{"role":"user","content":"${text}"}]}`;

    expect(affinityOf(bodyWith('gr\\u00fc\\u00dfe \\/'))).toEqual(affinityOf(bodyWith('grüße /')));
  });

  test('are taken as they are written where an escape is invalid', () => {
    expect(affinityOf('{"prompt":"a\\q"}')).toEqual(['a\\q']);
  });

  test('are the prompt of a completion or its list of tokens', () => {
    expect(affinityOf('{"prompt":"once upon"}')).toEqual(['once upon']);
    expect(affinityOf('{"prompt":[1, 2]}')).toEqual(['[1, 2]']);
    expect(affinityOf('{"prompt":{"a":1}}')).toBeUndefined();
  });

  test('are absent when the body has none, and follow the last duplicate', () => {
    expect(affinityOf('{"model":"m"}')).toBeUndefined();
    expect(
      affinityOf(
        '{"messages":[{"role":"user","content":"a"}],"messages":[{"role":"user","content":"b"}]}',
      ),
    ).toEqual(['', 'b']);
    expect(
      affinityOf('{"messages":[{"role":"user","content":"a"}],"messages":null}'),
    ).toBeUndefined();
    expect(affinityOf('{"messages":[{"role":"user","content":"a","content":5}]}')).toEqual([
      '',
      '',
    ]);
  });
});

const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalar = (value: unknown): value is JsonScalar =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** The wanted names as `JSON.parse` reads them. */
function expectedValues(text: string): JsonView['values'] {
  const parsed: unknown = JSON.parse(text);
  if (!isTree(parsed)) throw new Error('not an object');
  const found: Record<string, JsonScalar> = {};
  for (const name of WANTED) {
    const [parent = '', member] = name.split('.');
    const outer = Object.hasOwn(parsed, parent) ? parsed[parent] : undefined;
    if (member === undefined) {
      if (Object.hasOwn(parsed, parent) && isScalar(outer)) found[name] = outer;
    } else if (isTree(outer) && Object.hasOwn(outer, member) && isScalar(outer[member]))
      found[name] = outer[member];
  }
  return found;
}

describe('for any JSON document', () => {
  const key = fc.oneof(
    fc.constantFrom(
      'model',
      'stream',
      'n',
      'user',
      'metadata',
      'user_id',
      'messages',
      'role',
      'content',
      'text',
      'prompt',
      'system',
    ),
    fc.string({ unit: 'binary' }),
  );
  const scalar = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom('user', 'system', 'a"b\\', 'x'.repeat(40), `${'y'.repeat(30)}\\"`),
  );

  /** JSON text with duplicates, white space and escapes, which serialisers do not write. */
  const space = fc.constantFrom('', ' ', '\n\t ', '\r\n');
  const escapedString = fc
    .oneof(fc.string({ unit: 'binary' }), key)
    .chain((text) =>
      fc
        .boolean()
        .map((isEscaped) =>
          isEscaped
            ? `"${[...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
            : JSON.stringify(text),
        ),
    );
  const { object } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      scalar.map((value) => JSON.stringify(value)),
      tie('object'),
      tie('array'),
    ),
    object: fc
      .array(
        fc.tuple(
          fc.oneof(
            key.map((name) => JSON.stringify(name)),
            escapedString,
          ),
          space,
          tie('value'),
          space,
        ),
        { maxLength: 6 },
      )
      .map(
        (members) =>
          `{${members.map(([name, before, value, after]) => `${before}${name}${after}:${before}${value}${after}`).join(',')}}`,
      ),
    array: fc
      .array(fc.tuple(space, tie('value')), { maxLength: 4 })
      .map((elements) => `[${elements.map(([before, value]) => `${before}${value}`).join(',')}]`),
  }));

  test('the view agrees with JSON.parse', () => {
    fc.assert(
      fc.property(object, (text) => {
        expect(read(text).values).toEqual(expectedValues(text));
      }),
      { numRuns: 1000 },
    );
  });

  test('readJsonViewInSlices gives the same view as readJsonView', async () => {
    await fc.assert(
      fc.asyncProperty(object, fc.nat(300_000), async (text, padding) => {
        const bytes = encoder.encode(
          `{"pad":"${'\\"'.repeat(padding)}",${text.slice(1) === '}' ? '"z":1}' : text.trimStart().slice(1)}`,
        );

        const view = await readJsonViewInSlices(bytes, WANTED);

        expect(contentOf(view)).toEqual(contentOf(readJsonView(bytes, WANTED)));
      }),
      { numRuns: 50 },
    );
  });

  test('a document with one extra character is accepted or refused as JSON.parse does', () => {
    const structural = fc.constantFrom('{', '}', '[', ']', ',', ':', '1', '-', 't', '"');
    fc.assert(
      fc.property(object, structural, fc.nat(), (text, extra, position) => {
        const characters = Array.from(text);
        characters.splice(position % (characters.length + 1), 0, extra);
        const broken = characters.join('');
        let isObject: boolean;
        try {
          isObject = isTree(JSON.parse(broken));
        } catch {
          isObject = false;
        }

        // The engine checks escapes inside strings that are not wanted.
        if (isObject) expect(read(broken).values).toEqual(expectedValues(broken));
        else if (!broken.includes('\\')) expect(refusal(broken)).toContain('not valid JSON');
      }),
      { numRuns: 1000 },
    );
  });

  test('replacing the model keeps every other byte', () => {
    fc.assert(
      fc.property(
        object,
        escapedString,
        object,
        fc.string({ unit: 'binary' }),
        (before, old, after, model) => {
          const head = encoder.encode(`{"a":${before},"model": `);
          const oldName = encoder.encode(old);
          const tail = encoder.encode(` ,"b":${after}}`);
          const bytes = new Uint8Array([...head, ...oldName, ...tail]);
          const range = readJsonView(bytes, WANTED).modelRange ?? [0, 0];

          const spliced = spliceModel(bytes, range, model);

          expect(spliced.subarray(0, head.length)).toEqual(head);
          expect(spliced.subarray(spliced.length - tail.length)).toEqual(tail);
          expect(
            JSON.parse(decoder.decode(spliced.subarray(head.length, spliced.length - tail.length))),
          ).toBe(JSON.parse(JSON.stringify(model)));
        },
      ),
    );
  });
});

test('the scanner reads a body of 64 MB in steps that are a small part of it', async () => {
  const bytes = new Uint8Array(64 << 20).fill(0x31);
  bytes.set(encoder.encode('{"x":['));
  for (let at = 7; at < bytes.length; at += 2) bytes[at] = 0x2c;
  bytes.set(encoder.encode('1],"model":"m"}'), bytes.length - 16);
  bytes[bytes.length - 1] = 0x20;
  let pauses = 0;

  const view = await readJsonViewInSlices(bytes, WANTED, () => {
    pauses += 1;
    return Promise.resolve();
  });

  expect(view.values['model']).toBe('m');
  expect(pauses).toBe(255);
});

test.each(['{}', ' {\n }', '{"a":{}}', '\t{ "model2" : 1 , "b":[{}]}', '{ "ü":"}" }'])(
  'a model is inserted into %j, and every other byte is kept',
  (text) => {
    const model = 'org/"quoted"';

    const inserted = new TextDecoder().decode(insertModel(new TextEncoder().encode(text), model));

    expect(JSON.parse(inserted)).toEqual({ model, ...JSON.parse(text) });
    expect(inserted.replace(/"model":"org\/\\"quoted\\"",?/, '')).toBe(text);
  },
);

test('a body is rewritten with more members and another name of its model, and every other byte is kept', () => {
  const rewrite = (text: string): string => {
    const bytes = encoder.encode(text);
    const { modelRange } = readJsonView(bytes, []);
    const parts = rewriteBody(bytes, { members: { a: 1 }, modelRange, model: 'new' });
    return parts.map((part) => decoder.decode(part)).join('');
  };

  expect(rewrite(' { "x" : 1.0, "model" : "old" , "y":[] }')).toBe(
    ' {"a":1, "x" : 1.0, "model" : "new" , "y":[] }',
  );
  expect(rewrite('{"x":1}')).toBe('{"a":1,"x":1}');
  expect(rewrite('{ }')).toBe('{"a":1 }');
});
