import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { z } from 'zod';

import type { Engine } from '../src/engine/engine.ts';
import type { StepItem } from '../src/engine/generate.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const ajv = new Ajv({ strict: false });
addFormats(ajv);

const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string', pattern: '^[a-z]{1,8}$' },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2 },
  },
  required: ['name', 'age'],
  additionalProperties: false,
};

/**
 * A format with a pattern, several patterns, look-ahead, keys with a pattern, and remainders, all of which need
 * automata.
 */
const STATES = {
  type: 'object',
  properties: {
    id: z.toJSONSchema(z.uuidv4()),
    mail: z.toJSONSchema(z.email().max(40)),
    at: z.toJSONSchema(z.iso.datetime()),
    took: z.toJSONSchema(z.iso.duration()),
    word: { type: 'string', pattern: '^(?!no)\\p{Ll}{2,8}$' },
    net: z.toJSONSchema(z.cidrv6()),
    dozens: { type: 'integer', multipleOf: 12, minimum: 0 },
    odd: {
      propertyNames: { pattern: '^x[a-z]{1,3}$' },
      properties: { xa: { type: 'null' } },
      additionalProperties: { type: 'boolean' },
      maxProperties: 2,
    },
  },
  required: ['id', 'mail', 'at', 'took', 'word', 'net', 'dozens', 'odd'],
  additionalProperties: false,
};

const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 10 } },
      required: ['city'],
    },
  },
};
const ADD = {
  type: 'function',
  function: {
    name: 'add',
    parameters: {
      type: 'object',
      properties: {
        a: { type: 'integer', minimum: 0, maximum: 99 },
        b: { type: 'integer', minimum: 0, maximum: 99 },
      },
      required: ['a', 'b'],
    },
  },
};

const messages = [{ role: 'user', content: 'Tell me something.' }];

function calls(items: readonly StepItem[]): { name: string; arguments: string }[] {
  const list: { name: string; arguments: string }[] = [];
  for (const { tool } of items) {
    if (tool === undefined) continue;
    const call = (list[tool.index] ??= { name: '', arguments: '' });
    call.name += tool.name ?? '';
    call.arguments += tool.arguments ?? '';
  }
  return list;
}

/** At temperature 1, so that the form comes from the grammar and not from the model. */
describe('structured output', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny({ contextLength: 2048 });
  });
  afterAll(() => engine.close(0));

  const ask = (body: object, seed = 1) =>
    answer(engine, { messages, temperature: 1, seed, max_tokens: 600, ...body });

  test('an answer with a JSON schema is valid and stops at the end of the document', async () => {
    const validate = ajv.compile(PERSON);
    for (let seed = 0; seed < 12; seed++) {
      const { text, last } = await ask(
        { response_format: { type: 'json_schema', json_schema: { name: 'p', schema: PERSON } } },
        seed,
      );

      expect(last).toMatchObject({ type: 'done', finish: [{ reason: 'stop' }] });
      expect({ text, valid: validate(JSON.parse(text)) }).toEqual({ text, valid: true });
    }
  });

  test('an answer is valid for a schema with large state machines', async () => {
    const validate = ajv.compile(STATES);
    for (let seed = 0; seed < 6; seed++) {
      const { text, last } = await ask(
        { response_format: { type: 'json_schema', json_schema: { name: 'p', schema: STATES } } },
        seed,
      );

      expect(last).toMatchObject({ type: 'done', finish: [{ reason: 'stop' }] });
      expect({ text, valid: validate(JSON.parse(text)) }).toEqual({ text, valid: true });
    }
  });

  test('a schema is enforced after reasoning', async () => {
    const { items } = await ask({
      chat_template_kwargs: { enable_thinking: true },
      response_format: { type: 'json_schema', json_schema: { schema: { enum: ['yes', 'no'] } } },
    });
    const text = items.map((item) => item.text ?? '').join('');

    expect(['"yes"', '"no"', '']).toContain(text);
  });

  test('the arguments of a named tool are valid for its schema', async () => {
    const { items } = await ask({
      tools: [WEATHER, ADD],
      tool_choice: { type: 'function', function: { name: 'add' } },
    });
    const made = calls(items);

    expect(made).toHaveLength(1);
    expect(ajv.validate(ADD.function.parameters, JSON.parse(made[0]?.arguments ?? ''))).toBe(true);
  });

  test.each([
    [{ tool_choice: 'required' }, 'tool_choice', /tools/],
    [{ response_format: { type: 'xml' } }, 'response_format.type', /./],
  ])('%j is refused with the cause', async (body, param, message) => {
    const { last } = await ask(body);

    if (last.type !== 'error') throw new Error('it was answered');
    expect(last).toMatchObject({ code: 'invalid_request', param });
    expect(last.message).toMatch(message);
  });
});
