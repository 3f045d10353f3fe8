/** Calls that are not in the syntax of their family, but whose meaning is certain. */
import { JSON_FAMILIES, LITERAL_FAMILIES, TAGGED_FAMILIES } from '@cortex/testkit/family-calls';
import { describe, expect, test } from 'bun:test';

import { one, readBoth, readCall } from './family-reader.ts';

const NUMBERS = { '007': 7, '+15': 15, '-08': -8, '0x1F': 31, '5.': 5 };

describe.each(Object.entries(JSON_FAMILIES))('a call of %s', (_, family) => {
  test('with numbers in another notation has them as numbers where the schema allows no string', () => {
    for (const [written, limit] of Object.entries(NUMBERS)) {
      const args = `{"query": ${written}, "limit": ${written}, "filter": {"limit": ${written}}}`;

      expect(readCall(family, args)).toEqual(
        one({ query: written, limit, filter: { limit: written } }),
      );
    }
  });

  test('that ends right before its arguments is complete, or all of it is content', () => {
    const answered = readBoth({ ...family, prompt: '' }, family.open);

    if (answered.text === '') expect(answered.args).toEqual([{}]);
    else expect(answered).toMatchObject({ text: family.open, args: [] });
  });
});

test('a call of hermes with its arguments first, in invalid JSON, has numbers as numbers', () => {
  const { hermes } = JSON_FAMILIES;
  if (hermes === undefined) throw new Error('no family hermes');
  const call = '{"arguments": {"query": "a", "limit": 007}, "name": "search"}';

  expect(readBoth(hermes, `<tool_call>${call}</tool_call>`).args).toEqual([
    { query: 'a', limit: 7 },
  ]);
});

describe('a call of deepseek-r1 that ends within its fence', () => {
  const family = JSON_FAMILIES['deepseek-r1'];
  const head = '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>search';

  test.each(['\n```json\n', '\n```json', '\n```', '\n', ''])('after %j is complete', (fence) => {
    if (family === undefined) throw new Error('no family deepseek-r1');

    expect(readBoth({ ...family, prompt: '' }, head + fence)).toMatchObject({
      text: '',
      names: ['search'],
      args: [{}],
    });
  });
});

describe.each(Object.entries(TAGGED_FAMILIES))('a call of %s', (_, family) => {
  const { key, endValue, gap } = family;

  test('with the closing tag of a value twice has the value without them', () => {
    const twice = endValue + endValue;

    expect(readCall(family, `${key('query')}a${twice}${gap}${key('limit')}5${twice}`)).toEqual(
      one({ query: 'a', limit: 5 }),
    );
  });

  test('with a parameter in a value keeps both tags of that parameter in the value', () => {
    const query = `x\n${key('other')}y${endValue}`;

    expect(readCall(family, key('query') + query + endValue)).toEqual(one({ query }));
  });
});

describe.each(Object.entries(LITERAL_FAMILIES))('a call of %s', (_, family) => {
  const { member, text, open, close } = family;

  test('with a tuple has a list', () => {
    expect(
      readCall(
        family,
        `${member('places', `(${text('a')}, ${text('b')})`)},${member('limit', '5')}`,
      ),
    ).toEqual(one({ places: ['a', 'b'], limit: 5 }));
    expect(readCall(family, member('filter', '((1, 2), (3, 4), (), (5,))'))).toEqual(
      one({ filter: [[1, 2], [3, 4], [], [5]] }),
    );
  });

  test('with a value in brackets has the value, or a list where the schema allows nothing else', () => {
    expect(readCall(family, member('limit', '(5)'))).toEqual(one({ limit: 5 }));
    expect(readCall(family, member('query', `(${text('a, b')})`))).toEqual(one({ query: 'a, b' }));
    expect(readCall(family, member('places', `(${text('a')})`))).toEqual(one({ places: ['a'] }));
  });

  test('with a tuple that is cut off has valid arguments', () => {
    for (const value of ['(', '(1', '(1,', '(1, (2', `(${text('a')}`]) {
      const answered = readBoth({ ...family, prompt: '' }, open + member('filter', value));

      expect(answered.args).toHaveLength(1);
      expect(answered.text).toBe('');
    }
  });

  test('with a list or an object in place of its arguments has their elements as parameters', () => {
    expect(readCall(family, `[${text('a')}, 5]`)).toEqual(one({ query: 'a', limit: 5 }));
    expect(readCall(family, `{${text('query')}: ${text('a')}, ${text('limit')}: 5}`)).toEqual(
      one({ query: 'a', limit: 5 }),
    );
    expect(readCall(family, `*(${text('a')}, 5)`)).toEqual(one({ query: 'a', limit: 5 }));
    expect(readCall(family, `**{${text('limit')}: 5}, ${member('query', text('a'))}`)).toEqual(
      one({ limit: 5, query: 'a' }),
    );
  });

  test('without closing brackets of a tuple ends at the closing marker', () => {
    const marker = close.replace(/^\W+(?=<)/, '');

    expect(readCall(family, member('places', `(${text('a')}, ${text('b')}`), marker)).toEqual(
      one({ places: ['a', 'b'] }),
    );
  });
});
