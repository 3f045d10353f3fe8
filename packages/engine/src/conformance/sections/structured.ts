import { expect, test } from 'bun:test';

import { answerOf, ask, chat, refusalOf, type Section } from '../subject.ts';

const SIZE = {
  type: 'object',
  properties: { size: { enum: ['small', 'large'] } },
  required: ['size'],
  additionalProperties: false,
};

const formatOf = (schema: object) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'size', strict: true, schema } },
});

export const structured: Section = (subject) => {
  const asked = (body: object) => ask(subject().engine, chat('How large is it?', { ...body }));

  test('an answer satisfies its JSON schema', async () => {
    const { text, last } = await answerOf(asked(formatOf(SIZE)));

    expect(JSON.parse(text)).toEqual({ size: expect.stringMatching(/^(small|large)$/) });
    expect(last.finish).toEqual([{ reason: 'stop' }]);
  });

  test('an answer satisfies its JSON schema at any temperature', async () => {
    const list = { type: 'array', items: SIZE, minItems: 2, maxItems: 3 };

    const { text } = await answerOf(asked({ ...formatOf(list), temperature: 2, seed: 1 }));

    expect(JSON.parse(text)).toBeArray();
    expect(JSON.parse(text).length).toBeWithin(2, 4);
  });

  test('an answer with json_object is a JSON object', async () => {
    const { text, last } = await answerOf(
      asked({ response_format: { type: 'json_object' }, max_tokens: 300 }),
    );

    expect(text.trimStart()).toStartWith('{');
    if (last.finish[0]?.reason === 'stop') expect(JSON.parse(text)).toBeObject();
  });

  test('a schema that cannot be enforced is refused by its keyword', async () => {
    const refusal = await refusalOf(asked(formatOf({ not: { type: 'string' } })));

    expect(refusal).toMatchObject({ code: 'invalid_request', param: 'response_format' });
    expect(refusal.message).toContain('"not"');
  });
};
