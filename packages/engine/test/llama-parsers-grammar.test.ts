import { CortexError, readShape } from '@cortex/protocol';
import { llamaSources } from '@cortex/testkit';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { z } from 'zod';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type PreparedChat, prepareChat } from '../src/llama/prepare/prepare-chat.ts';
import { ChatBody } from '../src/llama/request/chat-body.ts';
import {
  chooseParser,
  type OutputFormat,
  readOutputFormat,
} from '../src/llama/parsers/choose-parser.ts';
import { GbnfSampler } from './gbnf-sampler.ts';
import { readAll } from './parsed-answer.ts';
import { seededRandom } from './seeded-random.ts';

const ajv = new Ajv({ strict: false });
addFormats(ajv);

interface FamilyExample {
  /** A template of the corpus, or the part of a template that identifies the family. */
  readonly template?: string;
  readonly source?: string;
  /** The end of its prompt. */
  readonly prompt: string;
}

const FAMILIES: Readonly<Record<string, FamilyExample>> = {
  hermes: { template: 'Qwen-Qwen3-0.6B', prompt: '<|im_start|>assistant\n' },
  'qwen3-coder': { template: 'Qwen3-Coder', prompt: '<|im_start|>assistant\n' },
  'qwen3.5, thinking': { template: 'Qwen3.5-4B', prompt: '<|im_start|>assistant\n<think>\n' },
  glm: { template: 'GLM-4.6', prompt: '<|assistant|>' },
  seed: { template: 'ByteDance-Seed-OSS', prompt: '<seed:bos>assistant\n' },
  llama: { template: 'meta-llama-Llama-3.2-3B-Instruct', prompt: '<|end_header_id|>\n\n' },
  'llama-tagged': { template: 'meetkai-functionary-medium-v3.1', prompt: '<|end_header_id|>\n\n' },
  mistral: { template: 'mistralai-Ministral-3-14B-Reasoning-2512', prompt: '[/INST]' },
  'mistral-list': { template: 'mistralai-Mistral-Nemo-Instruct-2407', prompt: '[/INST]' },
  deepseek: { template: 'deepseek-ai-DeepSeek-V3.1', prompt: '<｜Assistant｜><think></think>' },
  'deepseek-r1': { template: 'llama-cpp-deepseek-r1', prompt: '<｜Assistant｜><think>\n' },
  gemma: {
    template: 'google-gemma-4-31B-it',
    prompt: '<|turn>model\n<|channel>thought\n<channel|>',
  },
  kimi: { template: 'Kimi-K2-Instruct', prompt: '<|im_assistant|>assistant<|im_middle|>' },
  'kimi, thinking': {
    template: 'Kimi-K2-Thinking',
    prompt: '<|im_assistant|>assistant<|im_middle|>',
  },
  lfm2: { template: 'LFM2.5-8B-A1B', prompt: '<|im_start|>assistant\n' },
  granite: { template: 'ibm-granite-granite-3.3-2B-Instruct', prompt: '<|end_of_role|>' },
  cohere: {
    template: 'CohereForAI-c4ai-command-r7b-12-2024-tool_use',
    prompt: '<|CHATBOT_TOKEN|><|START_THINKING|><|END_THINKING|>',
  },
  'cohere-text, thinking': {
    template: 'Cohere2MoE',
    prompt: '<|CHATBOT_TOKEN|><|START_THINKING|>',
  },
  phi: { source: '<|tool|>{{ message.tools }}<|/tool|>', prompt: '<|assistant|>' },
  nemotron: { template: 'NVIDIA-Nemotron-Nano-v2', prompt: '<SPECIAL_11>Assistant\n<think>\n' },
  'minimax-m1': { template: 'MiniMax-M1', prompt: '<beginning_of_sentence>ai name=assistant\n' },
  minimax: { template: 'MiniMax-M2', prompt: ']~b]ai\n<think>\n' },
  minicpm: { template: 'openbmb-MiniCPM5-1B', prompt: '<|im_start|>assistant\n' },
  gigachat: { template: 'GigaChat3-10B-A1.8B', prompt: 'assistant<|role_sep|>\n' },
  'gigachat-3.1': { template: 'GigaChat3.1-10B-A1.8B', prompt: 'assistant<|role_sep|>\n' },
  apertus: { template: 'Apertus-8B-Instruct', prompt: '<|assistant_start|>' },
  'deepseek-dsml': {
    template: 'deepseek-ai-DeepSeek-V3.2',
    prompt: '<｜Assistant｜><think></think>',
  },
  'deepseek-v4, thinking': {
    template: 'deepseek-ai-DeepSeek-V4',
    prompt: '<｜Assistant｜><think>',
  },
  harmony: { template: 'openai-gpt-oss-120b', prompt: '<|start|>assistant' },
  'harmony, thinking': {
    template: 'openai-gpt-oss-120b',
    prompt: '<|start|>assistant<|channel|>analysis<|message|>',
  },
};

interface Model {
  readonly format: OutputFormat;
  /** The output of the template for every input. */
  readonly prompt: string;
}

function modelOf(family: string): Model {
  const { template = '', source, prompt } = FAMILIES[family] ?? { prompt: '' };
  const path = join(llamaSources(), 'models/templates', `${template}.jinja`);
  return { format: readOutputFormat(source ?? readFileSync(path, 'utf8')), prompt };
}

interface Tool {
  readonly name: string;
  readonly parameters: object;
}

interface Call {
  readonly name: string;
  readonly arguments: string;
}

/** `body` as a request to the model. */
function prepare({ format, prompt }: Model, body: object): PreparedChat {
  const template = {
    showsTools: true,
    asText: (text: string) => text,
    render: () => ({ prompt: { text: prompt, breaks: [] }, begun: undefined }),
  };
  const messages = [{ role: 'user', content: 'x' }];
  return prepareChat(readShape(ChatBody, { messages, ...body }), { template, format });
}

/** The calls in the sample of the grammar for `body` with a seed. Content in addition to calls is an error. */
function answersOf(model: Model, body: object): (seed: number) => readonly Call[] {
  const { format } = model;
  const prepared = prepare(model, body);
  const sampler = new GbnfSampler(prepared.grammar ?? '');
  return (seed) => {
    const text = sampler.sample(seededRandom(seed), seed % 3 === 0 ? 15 : 120);
    const parser = chooseParser(format, { ...prepared, newCallId: () => 'id' });
    const { calls, text: content } = readAll(parser, [text]);
    if (calls.length === 0 || content !== '') throw new Error(`not only calls: ${text}`);
    return calls;
  };
}

/** A failure prints the seed. */
function forAnySeed(check: (seed: number) => void, numRuns: number): void {
  fc.assert(fc.property(fc.nat(), check), { numRuns });
}

/** Fails unless every sample of the grammar consists of calls with valid arguments. */
function expectCalls(model: Model, tools: readonly Tool[], numRuns: number): void {
  const offered = tools.map((tool) => ({ type: 'function', function: tool }));
  const answer = answersOf(model, { tools: offered, tool_choice: 'required' });
  const validators = new Map(tools.map((tool) => [tool.name, ajv.compile(tool.parameters)]));
  forAnySeed((seed) => {
    for (const call of answer(seed)) {
      const validate = validators.get(call.name);
      if (validate?.(parse(call.arguments)) !== true)
        throw new Error(`${call.name} ${call.arguments}: ${ajv.errorsText(validate?.errors)}`);
    }
  }, numRuns);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new Error(`no JSON: ${json}`);
  }
}

const object = (properties: object, more: object = {}) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
});

const SCHEMAS: readonly object[] = [
  { type: 'object', additionalProperties: true },
  { type: 'object', properties: {}, additionalProperties: { type: 'integer' } },
  object({ text: { type: 'string' }, n: { type: 'integer', minimum: 3, maximum: 12 } }),
  object(
    { a: { type: 'string' }, b: { type: 'boolean' }, c: { type: 'null' } },
    { required: ['b'] },
  ),
  object({ a: { type: 'string', minLength: 2, maxLength: 5 } }),
  object({ a: { type: 'string', pattern: '^[a-z<">\\\\]{2,4}$' } }),
  object({ a: { type: 'string', format: 'date-time' }, b: { type: 'string', format: 'uuid' } }),
  object({ a: { enum: ['x y', 'tr"ue', '12', '\n', ''] } }),
  object({ a: { enum: ['1', 2, true, null, { z: 'q' }] } }),
  object({ a: { anyOf: [{ type: 'string' }, { type: 'null' }] } }),
  object({ a: { type: ['string', 'null'], maxLength: 3 } }),
  object({ a: { anyOf: [{ type: 'string' }, { type: 'integer', minimum: 50 }] } }),
  object({ a: { anyOf: [{ type: 'string' }, object({ k: { type: 'boolean' } })] } }),
  object({ a: { anyOf: [{ const: '5' }, { type: 'integer', minimum: 10 }] } }),
  object({ a: {}, b: true }),
  object({ list: { type: 'array', items: { type: 'string' }, maxItems: 3 } }),
  object({ a: { type: 'number', exclusiveMinimum: 0.5 } }),
  object(
    { tree: { $ref: '#/$defs/node' } },
    {
      $defs: {
        node: object({
          value: { type: 'string' },
          next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
        }),
      },
    },
  ),
  { anyOf: [object({ a: { type: 'string' } }), object({ b: { type: 'integer' } })] },
  { type: 'object', required: ['free'], additionalProperties: { type: 'string' } },
  object({ id: z.toJSONSchema(z.uuidv4()), at: z.toJSONSchema(z.iso.datetime()) }),
  object({ a: { allOf: [{ pattern: '^a' }, { pattern: 'b$' }], type: 'string', maxLength: 9 } }),
  object({ a: { enum: ['ab', 'b', 2], pattern: '^a' }, n: { type: 'integer', multipleOf: 4 } }),
  object({ a: { type: 'string', format: 'not-known' }, b: { type: 'string', minLength: 2 } }),
  {
    type: 'object',
    properties: { a: { type: 'string' } },
    propertyNames: { enum: ['a', 'b'] },
    additionalProperties: { type: 'integer' },
    required: ['a'],
  },
];

/** Declarations of a tool without parameters, as clients send them. */
const WITHOUT_PARAMETERS: readonly object[] = [
  {},
  { parameters: null },
  { parameters: {} },
  { parameters: { type: 'object' } },
  { parameters: { type: 'object', properties: {} } },
  { parameters: { type: 'object', properties: {}, required: [] }, strict: true },
  { parameters: { type: 'object', properties: null, additionalProperties: false } },
  { parameters: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' } },
  { parameters: { type: 'object', title: 'NowArguments', description: 'None.' } },
  { parameters: { anyOf: [{ type: 'object', properties: {} }] } },
  { parameters: { anyOf: [{ type: 'object', properties: {} }, { type: 'null' }] } },
  { parameters: { type: 'object', allOf: [{ type: 'object' }, { oneOf: [{}] }] } },
];

/** The validator compares objects by calling their own `valueOf` and `toString`. */
const enumValue = fc
  .jsonValue({ maxDepth: 1 })
  .filter((value) => !/"(?:valueOf|toString|__proto__)"/.test(JSON.stringify(value)));

/** Parameters as client programs declare them. */
const parameters = fc
  .dictionary(
    fc.stringMatching(/^[a-zA-Z_][\w-]{0,8}$/).filter((key) => key !== '__proto__'),
    fc.oneof(
      fc.constantFrom<object>(
        { type: 'string' },
        { type: 'boolean' },
        { type: 'integer' },
        { type: ['string', 'null'] },
        { type: 'array', items: { type: 'integer' } },
        { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
      ),
      fc.record({ enum: fc.array(enumValue, { minLength: 1, maxLength: 4 }) }),
      fc.record({ type: fc.constant('string'), maxLength: fc.nat(9) }),
      fc.record({ type: fc.constant('number'), minimum: fc.integer({ min: -9, max: 99 }) }),
    ),
    { maxKeys: 4 },
  )
  .chain((properties) =>
    fc
      .subarray(Object.keys(properties))
      .map((required) => ({ type: 'object', properties, required })),
  );

/** Models were trained only on the form that the templates print. */
test.each([
  ['minicpm', '<function name="f"><param name="a">1</param><param name="b">2</param></function>'],
  [
    'glm',
    '<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n<arg_key>b</arg_key>\n<arg_value>2</arg_value>\n</tool_call>',
  ],
])('an enforced call of %s has the form that its template prints', (family, expected) => {
  const parameters = object({ a: { const: 1 }, b: { const: 2 } });
  const tools = [{ type: 'function', function: { name: 'f', parameters } }];
  const asked = { tools, tool_choice: 'required', parallel_tool_calls: false };

  const { grammar = '' } = prepare(modelOf(family), asked);

  expect(new GbnfSampler(grammar).sample(seededRandom(1), 15)).toEndWith(expected);
});

describe.each(Object.keys(FAMILIES))('an enforced call of %s', (family) => {
  const model = modelOf(family);

  test('is parsed to valid arguments for every kind of schema', () => {
    for (const schema of SCHEMAS) {
      try {
        expectCalls(model, [{ name: 'do_it', parameters: schema }], 12);
      } catch (cause) {
        throw new Error(`not for ${JSON.stringify(schema)}`, { cause });
      }
    }
  });

  test('is parsed to valid arguments for generated parameters', () => {
    fc.assert(
      fc.property(parameters, parameters, (first, second) => {
        const tools = [
          { name: 'first', parameters: first },
          { name: 'second-tool', parameters: second },
        ];
        expectCalls(model, tools, 4);
      }),
      { numRuns: 12 },
    );
  });

  test('has the arguments {} for every way to declare a tool without parameters', () => {
    for (const fn of WITHOUT_PARAMETERS) {
      const tools = [{ type: 'function', function: { name: 'now', ...fn } }];
      const answer = answersOf(model, { tools, tool_choice: 'required' });

      forAnySeed((seed) => {
        const args = answer(seed).map((call) => call.arguments);
        expect({ fn, args: [...new Set(args)] }).toEqual({ fn, args: ['{}'] });
      }, 3);
    }
  });

  test('of a tool without parameters gets the arguments {} even if the model writes some', () => {
    const withText = { name: 'now', parameters: object({ text: { type: 'string' } }) };
    const tools = [{ type: 'function', function: withText }];
    const bare = prepare(model, { tools: [{ type: 'function', function: { name: 'now' } }] });
    const { grammar = '' } = prepare(model, { tools, tool_choice: 'required' });
    const sampler = new GbnfSampler(grammar);

    forAnySeed((seed) => {
      const parser = chooseParser(model.format, { ...bare, newCallId: () => 'id' });
      const { calls } = readAll(parser, Array.from(sampler.sample(seededRandom(seed), 30)));
      expect(new Set(calls.map((call) => call.arguments))).toEqual(new Set(['{}']));
    }, 6);
  });

  test('is a single call of the named tool if the request asks for that', () => {
    const tools = ['a', 'b'].map((name) => ({ type: 'function', function: { name } }));
    const named = { tools, tool_choice: { type: 'function', function: { name: 'b' } } };
    const single = { tools, tool_choice: 'required', parallel_tool_calls: false };

    const [ofNamed, ofSingle] = [answersOf(model, named), answersOf(model, single)];

    forAnySeed((seed) => {
      expect(ofNamed(seed).map(({ name }) => name)).toEqual(['b']);
      expect(ofSingle(seed)).toHaveLength(1);
    }, 15);
  });
});

test.each([
  ['qwen3-coder', object({ a: { not: { type: 'string' } } }), '"not"'],
  ['gemma', object({ a: { type: 'array', prefixItems: [{ type: 'string' }] } }), '"prefixItems"'],
  ['gemma', object({ a: { type: 'string', pattern: '^<b>$' } }), '"pattern"'],
  ['lfm2', object({ 'no key': { type: 'string' } }), '"required"'],
  ['lfm2', object({ a: {} }, { maxProperties: 1 }), '"maxProperties"'],
])(
  '%s: parameters that cannot be enforced are refused by the name of the tool: %j',
  (family, given, keyword) => {
    const tools = [
      { type: 'function', function: { name: 'f', parameters: object({}) } },
      { type: 'function', function: { name: 'g', parameters: given } },
    ];
    let thrown: unknown;
    try {
      answersOf(modelOf(family), { tools, tool_choice: 'required' });
    } catch (error) {
      thrown = error;
    }

    if (!(thrown instanceof CortexError)) throw new Error('it was accepted');
    expect({ code: thrown.code, param: thrown.details.param }).toEqual({
      code: 'invalid_request',
      param: 'tools',
    });
    expect(thrown.message).toContain(
      `The JSON schema of the tool "g" cannot be enforced: ${keyword}`,
    );
  },
);

describe.each([
  'harmony',
  'harmony, thinking',
  'qwen3.5, thinking',
  'mistral',
  'cohere',
  'cohere-text, thinking',
])('a document of %s', (family) => {
  const model = modelOf(family);
  const { format } = model;

  test('is the content of the answer, with or without reasoning before it', () => {
    const schema = object({ a: { type: 'string' }, b: { enum: [1, 2] } });
    const prepared = prepare(model, {
      response_format: { type: 'json_schema', json_schema: { schema } },
    });
    const sampler = new GbnfSampler(prepared.grammar ?? '');
    forAnySeed((seed) => {
      const parser = chooseParser(format, { ...prepared, newCallId: () => 'id' });
      const { text, calls } = readAll(parser, [sampler.sample(seededRandom(seed), 80)]);

      expect(ajv.validate(schema, parse(text))).toBe(true);
      expect(calls).toEqual([]);
    }, 30);
  });
});
