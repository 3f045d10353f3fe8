import { describe, expect, test } from 'bun:test';

import { rewriteBody } from '@cortex/protocol';

import { KINDS, type ServerKindName } from '../server-kinds.ts';
import { planChat } from './chat-plan.ts';

type Members = Readonly<Record<string, unknown>>;

const MESSAGES = [{ role: 'user', content: 'hi' }];
const OFF = { enable_thinking: false, thinking: false };
const ON = { enable_thinking: true, thinking: true };

/** What a server of the kind gets, in each form in which it is tried. */
async function forms(kind: ServerKindName, fields: Members, defaults: Members = {}) {
  const body = { model: 'm', messages: MESSAGES, ...fields };
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const plan = await planChat(bytes, { chat: KINDS[kind].chat, body, defaults });
  let choices: readonly (string | undefined)[][] = [[]];
  for (const option of plan.options)
    choices = choices.flatMap((chosen) => option.map((choice) => [...chosen, choice]));
  const bodies = choices.map(async (chosen): Promise<Members> => {
    const changes = plan.apply(chosen);
    const parts = rewriteBody(bytes, { ...changes, modelRange: undefined, model: 'm' });
    const { model, messages, ...rest } = JSON.parse(await new Blob([...parts]).text());
    expect({ model, messages }).toEqual({ model: 'm', messages: MESSAGES });
    return rest;
  });
  return Promise.all(bodies);
}

const first = async (kind: ServerKindName, fields: Members, defaults?: Members) =>
  (await forms(kind, fields, defaults))[0];

describe('an effort', () => {
  for (const kind of ['vllm', 'llamacpp'] as const) {
    test(`sets the variables of the template on ${kind}`, async () => {
      for (const effort of ['none', 'minimal'])
        expect(await first(kind, { reasoning_effort: effort })).toEqual({
          reasoning_effort: effort,
          chat_template_kwargs: OFF,
        });
      for (const effort of ['low', 'medium', 'high', 'xhigh', 'max'])
        expect(await first(kind, { reasoning_effort: effort })).toEqual({
          reasoning_effort: effort,
          chat_template_kwargs: ON,
        });
    });

    test(`is added to the variables of the client on ${kind}`, async () => {
      for (const kwargs of [{}, { a: 1 }, null])
        expect(
          await first(kind, { chat_template_kwargs: kwargs, reasoning_effort: 'none' }),
        ).toEqual({ chat_template_kwargs: { ...OFF, ...kwargs }, reasoning_effort: 'none' });
    });

    test(`does not override a variable of the client on ${kind}`, async () => {
      const fields = { chat_template_kwargs: { thinking: true }, reasoning_effort: 'none' };

      expect(await first(kind, fields)).toEqual(fields);
    });
  }

  test('sets enable_thinking on mistralrs, which knows three efforts', async () => {
    const sent = (fields: Members) => first('mistralrs', fields);

    expect(await sent({ reasoning_effort: 'none' })).toEqual({
      reasoning_effort: 'low',
      enable_thinking: false,
    });
    expect(await sent({ reasoning_effort: 'max' })).toEqual({
      reasoning_effort: 'high',
      enable_thinking: true,
    });
    const own = { reasoning_effort: 'low', enable_thinking: false };
    expect(await sent(own)).toEqual(own);
  });

  test('is all that an OpenAI-compatible server gets', async () => {
    expect(await first('openai', { reasoning_effort: 'none' })).toEqual({
      reasoning_effort: 'none',
    });
  });

  test('is weakened to the nearest one and at last left out where the server refuses it', async () => {
    const efforts = async (effort: string) =>
      (await forms('openai', { reasoning_effort: effort })).map((body) => body['reasoning_effort']);

    expect(await efforts('none')).toEqual(['none', 'low', undefined]);
    expect(await efforts('minimal')).toEqual(['minimal', 'none', 'low', undefined]);
    expect(await efforts('medium')).toEqual(['medium', undefined]);
    expect(await efforts('max')).toEqual(['max', 'xhigh', 'high', undefined]);
  });

  test('that neuron does not know is left to the server', async () => {
    for (const effort of ['ultra', 'constructor', 0.5, null]) {
      const fields = { reasoning_effort: effort };

      expect(await forms('vllm', fields)).toEqual([fields]);
      expect(await forms('vllm', {}, fields)).toEqual([fields]);
    }
  });
});

test('enable_thinking of the client becomes variables of the template, and overrides an effort', async () => {
  const fields = { enable_thinking: true, reasoning_effort: 'none' };

  expect(await first('vllm', fields, { chat_template_kwargs: OFF })).toEqual({
    ...fields,
    chat_template_kwargs: ON,
  });
  expect(await first('vllm', { enable_thinking: false }, { reasoning_effort: 'high' })).toEqual({
    enable_thinking: false,
    chat_template_kwargs: OFF,
  });
});

describe('defaults of the operator', () => {
  test('switch thoughts as fields of the client do', async () => {
    expect(await first('vllm', {}, { reasoning_effort: 'none', top_p: 1 })).toEqual({
      top_p: 1,
      reasoning_effort: 'none',
      chat_template_kwargs: OFF,
    });
    expect(await first('vllm', {}, { enable_thinking: false })).toEqual({
      enable_thinking: false,
      chat_template_kwargs: OFF,
    });
  });

  test('give way to an effort of the client', async () => {
    const defaults = {
      chat_template_kwargs: { enable_thinking: false, a: 1 },
      reasoning_effort: 'none',
    };

    expect(await first('vllm', { reasoning_effort: 'high' }, defaults)).toEqual({
      reasoning_effort: 'high',
      chat_template_kwargs: { ...ON, a: 1 },
    });
    expect(
      await first('mistralrs', { reasoning_effort: 'high' }, { enable_thinking: false }),
    ).toEqual({ reasoning_effort: 'high', enable_thinking: true });
  });

  test('give way to a variable of the client', async () => {
    const fields = { chat_template_kwargs: { enable_thinking: true } };

    expect(await first('vllm', fields, { reasoning_effort: 'none' })).toEqual(fields);
  });

  test('keep their own variables beside their own effort', async () => {
    const defaults = { chat_template_kwargs: { thinking: true }, reasoning_effort: 'none' };

    expect(await first('vllm', {}, defaults)).toEqual(defaults);
  });
});

describe('a limit of thoughts', () => {
  test('has the name that the server has for it', async () => {
    const fields = { thinking_budget_tokens: 1000 };

    expect(await forms('llamacpp', fields)).toEqual([fields]);
    expect(await forms('vllm', fields)).toEqual([{ thinking_token_budget: 1000 }, {}]);
    expect(await forms('vllm', {}, fields)).toEqual([{ thinking_token_budget: 1000 }, {}]);
    expect(await forms('openai', fields)).toEqual([{}]);
    expect(await forms('mistralrs', fields)).toEqual([{}]);
  });

  test('does not replace that of the client in the words of the server', async () => {
    const fields = { thinking_budget_tokens: 1000, thinking_token_budget: 5 };

    expect(await first('vllm', fields)).toEqual({ thinking_token_budget: 5 });
  });

  test('that limits nothing is left out', async () => {
    expect(await first('vllm', { thinking_budget_tokens: -1 })).toEqual({});
  });
});

test('the fields that continue a message reach the servers that have them', async () => {
  const fields = { continue_final_message: true, add_generation_prompt: false };

  expect(await forms('vllm', fields)).toEqual([fields]);
  expect(await forms('llamacpp', fields)).toEqual([fields]);
  expect(await forms('openai', fields)).toEqual([fields, {}]);
  expect(await forms('mistralrs', fields)).toEqual([{}]);
});

test('the same of the operator reach only the servers that have them', async () => {
  const fields = { continue_final_message: true };

  expect(await forms('mistralrs', {}, fields)).toEqual([{}]);
  expect(await forms('openai', {}, fields)).toEqual([fields, {}]);
  expect(await forms('vllm', {}, { thinking_token_budget: 5 })).toEqual([
    { thinking_token_budget: 5 },
    {},
  ]);
});

test('what a server shows of one field says nothing about another', async () => {
  const optionsFor = async (fields: Members) => {
    const body = { messages: MESSAGES, ...fields };
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    return (await planChat(bytes, { chat: KINDS.openai.chat, body, defaults: {} })).options;
  };

  expect(await optionsFor({ add_generation_prompt: true })).not.toEqual(
    await optionsFor({ continue_final_message: true }),
  );
});

test('a chat without any of this is not changed', async () => {
  const bytes = new TextEncoder().encode('{}');
  const body = { model: 'm', messages: MESSAGES, chat_template_kwargs: { a: 1 } };
  const plan = await planChat(bytes, { chat: KINDS.vllm.chat, body, defaults: {} });

  expect(plan.options).toEqual([]);
  expect(plan.apply([])).toEqual({ edits: [], members: {} });
});
