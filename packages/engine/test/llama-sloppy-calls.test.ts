import { llamaSources } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { chooseParser, readOutputFormat } from '../src/llama/parsers/choose-parser.ts';
import {
  type FamilyCalls,
  JSON_FAMILIES,
  LITERAL_FAMILIES,
  TAGGED_FAMILIES,
} from '@cortex/testkit/family-calls';
import { one, readBoth, readCall, SEARCH } from './family-reader.ts';
import { readAll } from './parsed-answer.ts';

/** The markers at the end of a call. */
const markersOf = ({ open, close }: FamilyCalls): string =>
  (close + open).match(/<[^<>\n]+>|\[[A-Z_]+\]/g)?.join(' ') ?? '';

describe.each(Object.entries(JSON_FAMILIES))('a malformed call of %s', (_, family) => {
  test('with raw line breaks and tabs in a string keeps them in its arguments', () => {
    expect(readCall(family, '{"query": "a\n\tb\r\n", "limit": 5}')).toEqual(
      one({ query: 'a\n\tb\r\n', limit: 5 }),
    );
  });

  test('with markers of its family in a string keeps them in the string', () => {
    const query = `x ${markersOf(family)} y`;

    expect(readCall(family, JSON.stringify({ query, limit: 5 }))).toEqual(one({ query, limit: 5 }));
  });

  test('with unescaped quotes in a string keeps them in the string', () => {
    expect(readCall(family, '{"query": "say "hi" to "all"", "limit": 5}')).toEqual(
      one({ query: 'say "hi" to "all"', limit: 5 }),
    );
  });

  test('without its closing marker is complete', () => {
    expect(readCall(family, '{"query": "a"}', '')).toEqual(one({ query: 'a' }));
  });

  test('without the last brace of its arguments is complete', () => {
    const answered = readBoth({ ...family, prompt: '' }, `${family.open}{"query": "a", "limit": 5`);

    expect(answered).toMatchObject({ ...one({ query: 'a', limit: 5 }), isCallCut: false });
  });

  test('that ends within a string is cut off, with partial arguments', () => {
    const answered = readBoth({ ...family, prompt: '' }, `${family.open}{"query": "abc`);

    expect(answered).toMatchObject({ ...one({ query: 'abc' }), isCallCut: true });
  });

  test('with its arguments in a JSON string has the object as arguments', () => {
    const args = JSON.stringify({ query: 'say "hi"', limit: 5 });

    expect(readCall(family, JSON.stringify(args))).toEqual(one({ query: 'say "hi"', limit: 5 }));
  });

  test('with a string that contains no object as arguments is content', () => {
    const { text, args } = readCall(family, '"cats"');

    expect(`${text}${JSON.stringify(args)}`).toContain('cats');
  });
});

/** DeepSeek R1 writes the arguments within a fence. */
const unfenced = Object.entries(JSON_FAMILIES).filter(([name]) => name !== 'deepseek-r1');

describe.each(unfenced)('a malformed call of %s', (_, family) => {
  test('with null as arguments has empty arguments', () => {
    expect(readCall(family, 'null')).toEqual(one({}));
  });
});

/** Families whose arguments are not a member of a JSON object. */
const BARE = ['llama-tagged', 'mistral', 'deepseek', 'kimi', 'harmony'];
const bare = Object.entries(JSON_FAMILIES).filter(([name]) => BARE.includes(name));

describe.each(bare)('a malformed call of %s', (_, family) => {
  test('with an extra bracket leaves no bracket and no marker in the content', () => {
    expect(readCall(family, '{"query": "a"}}')).toEqual(one({ query: 'a' }));
    expect(readCall(family, '{"query": "a"}]} ')).toEqual(one({ query: 'a' }));
    expect(readCall(family, '{"query": "a"}', '} Done.')).toEqual({
      text: '} Done.',
      args: [{ query: 'a' }],
    });
  });

  test('without arguments has empty arguments', () => {
    expect(readCall(family, '')).toEqual(one({}));
  });

  test('that is cut off before its arguments is not a complete call', () => {
    const path = join(llamaSources(), 'models/templates', `${family.template}.jinja`);
    const parser = chooseParser(readOutputFormat(readFileSync(path, 'utf8')), {
      reasoning: 'closed',
      tools: [SEARCH],
      isContinued: false,
      newCallId: () => 'id',
    });
    const { calls } = readAll(parser, [family.open], 'cut');

    expect(calls.map((call) => call.arguments).join('')).toBe('');
    expect(parser.isCallCut).toBe(calls.length > 0);
  });
});

const tagged = Object.entries(TAGGED_FAMILIES);

describe.each(tagged)('a malformed call of %s', (_, family) => {
  const { key, endValue, gap, close } = family;

  test('with line breaks, quotes and tags of its family in a value keeps them in the value', () => {
    const query = `a\n\t"b" ${endValue.trim()} c ${close.trim()} ${key('other').trim()} d`;

    expect(readCall(family, key('query') + query + endValue)).toEqual(one({ query }));
  });

  test('with a list or an object in Python syntax has JSON as arguments', () => {
    const places = `${key('places')}['Sofia', "Ruse's"]${endValue}`;
    const filter = `${key('filter')}{'open': True, 'by': None, 'x': [1,]}${endValue}`;

    expect(readCall(family, places + gap + filter)).toEqual(
      one({ places: ['Sofia', "Ruse's"], filter: { open: true, by: null, x: [1] } }),
    );
  });

  test('in which text follows a list has both as one string', () => {
    expect(readCall(family, `${key('places')}['Sofia'] or so${endValue}`)).toEqual(
      one({ places: "['Sofia'] or so" }),
    );
  });

  test('without the closing tag of its last parameter ends that parameter at the end of the call', () => {
    expect(readCall(family, `${key('query')}abc`, `\n${close.trimStart()}`)).toEqual(
      one({ query: 'abc' }),
    );
  });

  test('without the closing tag of a parameter ends that parameter at the start of the next one', () => {
    expect(readCall(family, `${key('query')}abc\n${key('limit')}5${endValue}`)).toEqual(
      one({ query: 'abc', limit: 5 }),
    );
  });

  test('without the closing tag of its last parameter does not include the next call', () => {
    const { open } = family;
    const second = open + key('query') + 'b' + endValue + close;

    expect(readCall(family, `${key('query')}a`, `\n${close.trimStart()}\n${second}`)).toEqual({
      text: '',
      args: [{ query: 'a' }, { query: 'b' }],
    });
  });

  test('without its last closing tag is complete', () => {
    expect(readCall(family, `${key('query')}abc${endValue}${gap}`, '')).toEqual(
      one({ query: 'abc' }),
    );
  });
});

const OUTER = {
  'qwen3-coder': ['<tool_call>\n', '\n</tool_call>'],
  'qwen3.5': ['<tool_call>\n', '\n</tool_call>'],
  seed: ['<seed:tool_call>', '</seed:tool_call>'],
  glm: ['<tool_call>', '</tool_call>'],
};

describe.each(Object.entries(OUTER))('a malformed call of %s', (name, [open = '', close]) => {
  const family = TAGGED_FAMILIES[name];
  const json = '{"name": "search", "arguments": {"query": "a", "limit": 5}}';

  test('in JSON between the tags of the family is a call', () => {
    if (family === undefined) throw new Error(`no family ${name}`);

    expect(readCall({ ...family, open }, `${json}${close} Done.`, '')).toEqual({
      text: ' Done.',
      args: [{ query: 'a', limit: 5 }],
    });
    expect(readCall({ ...family, open }, json, '')).toEqual(one({ query: 'a', limit: 5 }));
  });

  test('in other JSON between the tags of the family is content', () => {
    if (family === undefined) throw new Error(`no family ${name}`);
    const other = `{"query": "a"}${close}`;

    expect(readCall({ ...family, open }, other, '')).toEqual({ text: open + other, args: [] });
  });
});

test('a function name in quotes names the tool without them', () => {
  const family = TAGGED_FAMILIES['qwen3-coder'];
  if (family === undefined) throw new Error('no family qwen3-coder');
  const open = family.open.replace('=search', '="search"');
  const answer = `${open}${family.key('limit')}5${family.endValue}${family.close}`;

  // The schema of the tool makes the value a number.
  expect(readBoth(family, answer).args).toEqual([{ limit: 5 }]);
  expect(readBoth(family, answer).names).toEqual(['search']);
});

describe.each(Object.entries(LITERAL_FAMILIES))('a malformed call of %s', (_, family) => {
  const { member, text, close } = family;

  test('with line breaks, quotes and markers of its family in a string keeps them in the string', () => {
    const query = `a\n\tb ${text('c')} d ${close.replace(/^\W+(?=<)/, '')}, e`;

    const members = `${member('query', text(query))},${member('limit', '5')}`;

    expect(readCall(family, members)).toEqual(one({ query, limit: 5 }));
  });

  test('with values without keys assigns them to parameters by position', () => {
    expect(readCall(family, `${text('a, b')}, 5`)).toEqual(one({ query: 'a, b', limit: 5 }));
    expect(readCall(family, `${text('a')}, ${member('limit', '5')}`)).toEqual(
      one({ query: 'a', limit: 5 }),
    );
  });

  test('without its closing marker is complete', () => {
    expect(readCall(family, member('query', text('a')), '')).toEqual(one({ query: 'a' }));
  });
});

const ALL: Readonly<Record<string, FamilyCalls>> = {
  ...JSON_FAMILIES,
  ...Object.fromEntries(
    tagged.map(([name, family]) => [
      name,
      { ...family, open: family.open + family.key('query'), close: family.endValue + family.close },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(LITERAL_FAMILIES).map(([name, family]) => {
      const [before = '', behind = ''] = family
        .member('query', family.text('QUERY'))
        .split('QUERY');
      return [name, { ...family, open: family.open + before, close: behind + family.close }];
    }),
  ),
};
const thinking = Object.entries(ALL).filter(([, { think }]) => think !== undefined);

describe.each(thinking)('reasoning of %s', (name, family) => {
  const args = name in JSON_FAMILIES ? '{"query": "a"}' : 'a';
  const { think = '', open, close } = family;

  test('that is never closed yields the call in it', () => {
    const answered = readBoth(family, `${think}I will look.\n${open}${args}${close}`);

    expect(answered).toMatchObject({
      text: '',
      reasoning: 'I will look.',
      args: [{ query: 'a' }],
      isCallCut: false,
    });
  });
});

/** A whole call of every family, and the markers that close it. */
const closed = Object.entries(ALL).flatMap(([name, family]) => {
  const args = name in JSON_FAMILIES ? '{"query": "a"}' : 'a';
  const closers =
    family.close.match(/<[^<>\n]*[^<>\n|]\|?>/g)?.filter((one) => one !== '</parameter>') ?? [];
  const last = closers.at(-1);
  return last === undefined ? [] : [[name, { family, args, last }] as const];
});

test.each(closed)(
  'a call of %s with its closing marker twice leaves no marker in the content',
  (_, call) => {
    const { family, args, last } = call;
    const answered = readBoth(
      { ...family, prompt: '' },
      `${family.open}${args}${family.close}\n${last}${last} Done.`,
    );

    expect(answered).toMatchObject({ text: ' Done.', args: [{ query: 'a' }] });
  },
);

const NUMBERS = { '007': 7, '+15': 15, '-08': -8, '0x1F': 31, '5.': 5 };
const FRACTIONS = { '+1.5': 1.5, '.5': 0.5, '-.25e1': -2.5, '01.50': 1.5 };

test.each(tagged)(
  'a call of %s with numbers in another notation has them as numbers',
  (_, family) => {
    for (const [written, limit] of Object.entries(NUMBERS)) {
      expect(readCall(family, family.key('limit') + written + family.endValue)).toEqual(
        one({ limit }),
      );
      const query = family.key('query') + written + family.endValue;
      expect(readCall(family, query)).toEqual(one({ query: written }));
    }
    for (const [written, ratio] of Object.entries(FRACTIONS)) {
      expect(readCall(family, family.key('ratio') + written + family.endValue)).toEqual(
        one({ ratio }),
      );
    }
  },
);

test.each(Object.entries(LITERAL_FAMILIES))(
  'a call of %s with numbers in another notation has them as numbers',
  (_, family) => {
    for (const [written, limit] of Object.entries(NUMBERS)) {
      expect(readCall(family, family.member('limit', written))).toEqual(one({ limit }));
    }
    for (const [written, ratio] of Object.entries(FRACTIONS)) {
      expect(readCall(family, family.member('ratio', written))).toEqual(one({ ratio }));
    }
  },
);

test.each(['deepseek-dsml', 'deepseek-v4'])(
  'a value of %s has a type that the schema allows, whatever its attribute states',
  (name) => {
    const family = TAGGED_FAMILIES[name];
    if (family === undefined) throw new Error(`no family ${name}`);
    const as = (key: string, isText: boolean, value: string) =>
      `${family.key(key).replace(/string="\w+"/, `string="${isText}"`)}${value}${family.endValue}`;

    expect(readCall(family, as('query', false, '5'))).toEqual(one({ query: '5' }));
    expect(readCall(family, as('query', false, '"a"'))).toEqual(one({ query: 'a' }));
    expect(readCall(family, as('query', false, '{"a": 1}'))).toEqual(one({ query: '{"a": 1}' }));
    expect(readCall(family, as('limit', true, '5'))).toEqual(one({ limit: 5 }));
    expect(readCall(family, as('other', false, '5'))).toEqual(one({ other: 5 }));
    expect(readCall(family, as('other', true, '5'))).toEqual(one({ other: '5' }));
  },
);

test.each(Object.entries(LITERAL_FAMILIES))(
  'a call of %s with single quotes has the text in them',
  (_, family) => {
    const members = [
      family.member('query', "'it's a \"b\"'"),
      family.member('places', "['x', 'y, z']"),
    ];

    expect(readCall(family, members.join(', '))).toEqual(
      one({ query: 'it\'s a "b"', places: ['x', 'y, z'] }),
    );
  },
);

test.each(['null', ''])(
  'a call of deepseek-r1 with %j in its fence has empty arguments',
  (args) => {
    const family = JSON_FAMILIES['deepseek-r1'];
    if (family === undefined) throw new Error('no family deepseek-r1');

    expect(readCall(family, args)).toEqual(one({}));
  },
);

describe('a call of hermes', () => {
  const { hermes } = JSON_FAMILIES;
  const args = '{"query": "a", "limit": 5}';

  test.each([
    `{"tool": "search", "args": ${args}}`,
    `{"function": {"name": "search", "arguments": ${args}}}`,
    `{"type": "function", "function": {"name": "search", "arguments": ${JSON.stringify(args)}}}`,
    `{"function": "search", "parameters": ${args}}`,
    `\`\`\`json\n{"name": "search", "arguments": ${args}}\n\`\`\``,
    `\`\`\`\n[{"name": "search", "arguments": ${args}}]\n\`\`\``,
    '<function=search>\n<parameter=query>\na\n</parameter>\n<parameter=limit>\n5\n</parameter>\n</function>',
  ])('in another form between the markers is a call: %s', (call) => {
    if (hermes === undefined) throw new Error('no family hermes');
    const between = (close: string) => readBoth(hermes, `Hi.\n<tool_call>\n${call}\n${close}`);

    for (const close of ['</tool_call>', ''])
      expect(between(close)).toMatchObject({
        text: 'Hi.',
        names: ['search'],
        args: [{ query: 'a', limit: 5 }],
      });
  });

  test.each(['<function=', '<function=search>x', '```js', '``{"query": 1}', '{"tool": 5}', '<b>'])(
    'that cannot be read is content: %s',
    (call) => {
      if (hermes === undefined) throw new Error('no family hermes');
      const answer = `Hi.\n<tool_call>${call}</tool_call> Done.`;

      expect(readBoth(hermes, answer)).toMatchObject({ text: answer, args: [] });
    },
  );
});

test('a call of gemma with an extra brace leaves no brace and no marker in the content', () => {
  const { gemma } = LITERAL_FAMILIES;
  if (gemma === undefined) throw new Error('no family gemma');

  expect(readCall(gemma, 'limit:5}')).toEqual(one({ limit: 5 }));
  expect(readCall(gemma, 'limit:5', '} } Done.')).toEqual({
    text: ' } Done.',
    args: [{ limit: 5 }],
  });
});
