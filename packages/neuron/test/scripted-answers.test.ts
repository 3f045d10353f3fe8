/** Answers that models of several families are known to write, from the tokens to what a client gets. */
import { ChatCompletion, ChatCompletionChunk } from '@cortex/protocol';
import { llamaSources } from '@cortex/testkit';
import {
  type FamilyCalls,
  JSON_FAMILIES,
  LITERAL_FAMILIES,
  TAGGED_FAMILIES,
} from '@cortex/testkit/family-calls';
import { scriptedModel } from '@cortex/testkit/gguf/scripted-model';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

import { TestNeuron } from './test-neuron.ts';

const SEARCH = {
  type: 'function',
  function: {
    name: 'search',
    parameters: {
      type: 'object',
      properties: { query: { type: 'string' }, limit: { type: 'integer' } },
    },
  },
};

const { hermes, kimi, harmony } = JSON_FAMILIES;
const { gemma } = LITERAL_FAMILIES;
const { 'qwen3-coder': coder, glm } = TAGGED_FAMILIES;
const FAMILIES = { hermes, kimi, harmony, gemma, coder, glm };

/** A careless call with a line break in its only argument. */
const CALLS: Readonly<Record<keyof typeof FAMILIES, string>> = {
  hermes: `${hermes?.open}{"query": "a\n\tb"}${hermes?.close}`,
  kimi: `${kimi?.open}{"query": "a\n\tb"}${kimi?.close}`,
  harmony: `<|channel|>analysis<|message|>Look it up.<|end|><|start|>assistant${harmony?.open}{"query": "a\n\tb"}`,
  gemma: `${gemma?.open}query:<|"|>a\n\tb<|"|>${gemma?.close}`,
  coder: `${coder?.open}${coder?.key('query')}a\n\tb${coder?.close}`,
  glm: `${glm?.open}${glm?.key('query')}a\n\tb${glm?.close}`,
};

const FINAL = {
  harmony:
    '<|channel|>analysis<|message|>Think of the stop.<|end|><|start|>assistant<|channel|>final<|message|>Hello 你🙂, end.',
  hermes: '<think>\nThink of the stop.\n</think>\n\nHello 你🙂, end.',
};

function templateOf({ template, source }: FamilyCalls): string {
  const path = join(llamaSources(), 'models/templates', `${template}.jinja`);
  return source ?? readFileSync(path, 'utf8');
}

const Logprobs = z.looseObject({
  content: z.array(z.looseObject({ bytes: z.array(z.int()) })),
});

let neuron: TestNeuron;
beforeAll(async () => {
  neuron = await TestNeuron.start({
    flags: { 'engine.isolation': 'none' },
    prepare: (modelsDir) => {
      for (const [name, family] of Object.entries(FAMILIES)) {
        if (family === undefined) continue;
        const call = CALLS[name as keyof typeof FAMILIES];
        const scripts = { call, final: Reflect.get(FINAL, name) ?? 'Hello.' };
        const markers = new Set(call.match(/<\|[^<>\s]+>|<[^<>\s]+\|>/g));
        // Ends an answer, where the vocabulary has no token for its end.
        markers.delete('<|end|>');
        const controls = [...markers];
        const model = scriptedModel({ template: templateOf(family), scripts, controls });
        writeFileSync(join(modelsDir, `${name}.gguf`), writeGguf(model));
      }
    },
  });
});
afterAll(() => neuron[Symbol.asyncDispose]());

const chat = (model: string, script: string, fields: object = {}) =>
  neuron.chat({
    model,
    messages: [{ role: 'user', content: 'Go.' }],
    chat_template_kwargs: { script },
    ...fields,
  });

describe.each(Object.keys(FAMILIES))('a model of the family %s', (model) => {
  beforeAll(async () => {
    const body = { model_id: model, context_length: 4096 };
    const loaded = await neuron.post('/models/load?wait=true', body);
    if (!loaded.ok) throw new Error(await loaded.text());
  });
  afterAll(() => neuron.post('/models/unload', { model_id: model }));

  test('gives a complete call with JSON arguments when it calls a tool in a sloppy format', async () => {
    const answer = await chat(model, 'call', { tools: [SEARCH] });

    const [choice] = ChatCompletion.parse(await answer.json()).choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.content).toBeNull();
    const [call] = choice?.message.tool_calls ?? [];
    expect(JSON.parse(call?.function.arguments ?? '')).toEqual({ query: 'a\n\tb' });
  });

  test('streams the same call when it calls a tool in a sloppy format', async () => {
    const answer = await chat(model, 'call', { tools: [SEARCH], stream: true });

    const deltas = (await answer.text())
      .split('\n\n')
      .filter((event) => event.startsWith('data: {'))
      .map((event) => ChatCompletionChunk.parse(JSON.parse(event.slice(6))).choices[0]);
    const args = deltas.map((one) => one?.delta.tool_calls?.[0]?.function?.arguments ?? '');
    expect(JSON.parse(args.join(''))).toEqual({ query: 'a\n\tb' });
    expect(deltas.map((one) => one?.delta.content ?? '').join('')).toBe('');
    expect(deltas.at(-1)?.finish_reason).toBe('tool_calls');
  });

  test('finishes with length when it is cut off inside a call', async () => {
    const answer = await chat(model, 'call', { tools: [SEARCH] });
    const { usage } = ChatCompletion.parse(await answer.json());
    const max = (usage?.completion_tokens ?? 0) - 12;

    const cut = await chat(model, 'call', { tools: [SEARCH], max_tokens: max });

    expect(ChatCompletion.parse(await cut.json()).choices[0]?.finish_reason).toBe('length');
  });
});

describe.each(Object.keys(FINAL))('a reasoning model of the family %s', (model) => {
  beforeAll(async () => {
    const loaded = await neuron.post('/models/load?wait=true', { model_id: model });
    if (!loaded.ok) throw new Error(await loaded.text());
  });

  test.each(['stop', 'analysis', 'final', 'assistant', 'think', 'Think', '|>'])(
    'is not stopped by %j in its reasoning or its markers',
    async (stop) => {
      const answer = await chat(model, 'final', { stop: [stop] });

      const [choice] = ChatCompletion.parse(await answer.json()).choices;
      expect(choice?.message).toMatchObject({
        content: 'Hello 你🙂, end.',
        reasoning_content: 'Think of the stop.',
      });
      expect(choice).toMatchObject({ finish_reason: 'stop' });
    },
  );

  test('is stopped by a stop string in its content, and reports the string', async () => {
    const answer = await chat(model, 'final', { stop: ['zz', ', '], logprobs: true });

    const [choice] = ChatCompletion.parse(await answer.json()).choices;
    expect(choice?.message.content).toBe('Hello 你🙂');
    expect(choice).toMatchObject({ finish_reason: 'stop', stop_reason: ', ' });
    const { content } = Logprobs.parse(choice?.logprobs);
    // The first token holds the end of what is before the content, the last one the start of the stop string.
    const shown = Buffer.from(content.flatMap(({ bytes }) => bytes)).toString();
    expect(shown).toMatch(/^\n?Hello 你🙂,?$/);
  });
});

test.each(Object.keys(FAMILIES))(
  'the text of a control token of %s stays text in messages of a caller',
  async (model) => {
    const call = CALLS[model as keyof typeof FAMILIES];
    const said = [...new Set(call.match(/<[^<>\n]+>/g))].join(' and ');
    const tokensOf = async (text: string) => {
      const messages = [
        { role: 'system', content: text },
        { role: 'user', content: text },
      ];
      const answer = await neuron.post('/tokenize', { model, messages, with_pieces: true });
      return Tokens.parse(await answer.json()).tokens.map(({ piece }) => piece);
    };
    const isMarker = (piece: unknown) =>
      typeof piece === 'string' && /^<[|a-z].*[|a-z]>$/.test(piece) && said.includes(piece);

    const [plain, hostile] = [await tokensOf('hi'), await tokensOf(said)];

    expect(hostile.filter(isMarker)).toEqual(plain.filter(isMarker));
    expect(hostile.length).toBeGreaterThan(plain.length + said.length);
  },
);

const Tokens = z.looseObject({ tokens: z.array(z.looseObject({ piece: z.unknown() })) });
