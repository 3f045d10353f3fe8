/** Fields that clients of other servers send, with their meaning there. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineEvent } from '../src/engine/generate.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const messages = [user('What is cortex?')];
const tool = (name: string) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties: { city: { type: 'string' } } } },
});

const ONLY_5 = {
  type: 'object',
  properties: { a: { const: 5 } },
  required: ['a'],
  additionalProperties: false,
};

describe('a request in the idiom of another server', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny({ slots: 2 });
  });
  afterAll(() => engine.close(0));

  const prompt = (body: object): Promise<string> => engine.applyTemplate({ messages, ...body });
  const complete = (body: object) => answer(engine, { temperature: 0, ...body }, 'completions');
  const usageOf = async (body: object, route: 'chat' | 'completions' = 'chat') => {
    const { last } = await answer(engine, { messages, ...body }, route);
    return last.type === 'done' ? last.usage : last;
  };

  test.each([
    [{ reasoning_effort: 'none' }, false],
    [{ reasoning_effort: 'minimal' }, false],
    [{ reasoning_effort: 'low' }, true],
    [{ reasoning_effort: 'high' }, true],
    [{ reasoning: { effort: 'medium' } }, true],
    [{ reasoning: { effort: 'none' } }, false],
    [{ think: false }, false],
    [{ think: 'low' }, true],
    [{ thinking: { type: 'disabled' } }, false],
    [{ thinking: { type: 'enabled', budget_tokens: 100 } }, true],
    [{ enable_thinking: false, reasoning_effort: 'high' }, false],
    [{ reasoning_effort: 'high', chat_template_kwargs: { enable_thinking: false } }, false],
  ])('with %j switches reasoning like enable_thinking: %p', async (asked, isOn) => {
    expect(await prompt(asked)).toBe(await prompt({ enable_thinking: isOn }));
  });

  test('lets the effort of a request override the switch of its alias', async () => {
    const thought = async (params: object, body: object): Promise<number> => {
      const request = {
        id: 'r',
        route: 'chat' as const,
        body: { messages, max_tokens: 1, ...body },
        params: { ...params },
        principal: 'p',
        requestId: 'r',
      };
      const events = await Array.fromAsync(engine.generate(request, new AbortController().signal));
      const [first] = events;
      return first?.type === 'accepted' ? first.promptTokens : -1;
    };
    const off = { chat_template_kwargs: { enable_thinking: false } };

    expect(await thought(off, { reasoning_effort: 'high' })).toBe(
      await thought({}, { enable_thinking: true }),
    );
    expect(await thought(off, {})).toBe(await thought({}, { enable_thinking: false }));
  });

  test('with max_tokens -1 generates until the context is full', async () => {
    const { completionTokens } = Object(await usageOf({ max_tokens: -1, ignore_eos: true }));
    const { promptTokens } = Object(await usageOf({ max_tokens: 1 }));

    expect(completionTokens).toBe(1024 - promptTokens);
  });

  test('generates 16 tokens for a completion without max_tokens', async () => {
    expect(
      await usageOf({ prompt: 'cortex', messages: undefined, ignore_eos: true }, 'completions'),
    ).toMatchObject({ completionTokens: 16 });
  });

  test('returns only the echoed prompt for a completion of no tokens', async () => {
    const { text, last } = await complete({ prompt: 'cortex is', echo: true, max_tokens: 0 });

    expect(text).toBe('cortex is');
    expect(last).toMatchObject({ finish: [{ reason: 'length' }], usage: { completionTokens: 0 } });
  });

  test('accepts n_predict as max_tokens', async () => {
    expect(await usageOf({ n_predict: 3, ignore_eos: true })).toMatchObject({
      completionTokens: 3,
    });
  });

  test.each([[''], [['']], [[]]])('with stop %j has no stop string', async (stop) => {
    const free = await complete({ prompt: 'cortex is' });

    expect((await complete({ prompt: 'cortex is', stop })).text).toBe(free.text);
  });

  test('with seed -1 uses a different seed each time', async () => {
    const ask = { prompt: 'The', temperature: 5, seed: -1, max_tokens: 24, ignore_eos: true };
    const texts = await Promise.all([complete(ask), complete(ask), complete(ask)]);

    expect(new Set(texts.map(({ text }) => text)).size).toBeGreaterThan(1);
  });

  test.each([
    ['9007199254740992', '9007199254740993'],
    ['18446744073709551615', '-2'],
    ['4294967296', '0'],
  ])('with the seeds %s and %s samples differently', async (one, other) => {
    const ask = { prompt: 'The', temperature: 5, max_tokens: 24, ignore_eos: true };
    const [first, again, second] = await Promise.all([
      complete({ ...ask, seed: one }),
      complete({ ...ask, seed: one }),
      complete({ ...ask, seed: other }),
    ]);

    expect(again.text).toBe(first.text);
    expect(second.text).not.toBe(first.text);
  });

  test('answers several prompts in order, each with the same text as alone', async () => {
    const prompts = ['cortex is', 'neuron is', 'The', 'A model'];
    const alone = await Promise.all(prompts.map((one) => complete({ prompt: one })));
    const tokens = await Promise.all(
      prompts.map((one) => engine.tokenize(one, { addSpecial: true, parseSpecial: true })),
    );

    for (const together of [prompts, tokens]) {
      const { items, last } = await complete({ prompt: together });
      const texts = prompts.map((_, index) =>
        items
          .filter((item) => (item.index ?? 0) === index)
          .map((item) => item.text ?? '')
          .join(''),
      );
      expect(texts).toEqual(alone.map(({ text }) => text));
      expect(last).toMatchObject({ type: 'done', finish: { length: 4 } });
    }
  });

  test('returns the n answers of each prompt consecutively', async () => {
    const { items, last } = await complete({ prompt: ['cortex is', 'The'], n: 2, echo: true });
    const begins = [0, 1, 2, 3].map(
      (index) => items.find((item) => (item.index ?? 0) === index)?.text,
    );

    expect(begins).toEqual(['cortex is', 'cortex is', 'The', 'The']);
    expect(last).toMatchObject({ type: 'done', finish: { length: 4 } });
  });

  test('ends all of its prompts when it is cancelled', async () => {
    const abort = new AbortController();
    const request = {
      id: 'several',
      route: 'completions' as const,
      body: { prompt: ['a', 'b', 'c', 'd'], max_tokens: 900, ignore_eos: true },
      principal: 'p',
      requestId: 'several',
    };
    let last: EngineEvent | undefined;
    for await (const event of engine.generate(request, abort.signal)) {
      if (event.type === 'items') abort.abort();
      last = event;
    }

    const reasons = last?.type === 'done' ? last.finish.map(({ reason }) => reason) : [];
    expect(reasons).toEqual(['cancelled', 'cancelled', 'cancelled', 'cancelled']);
    expect((await engine.stats()).busySlots).toBe(0);
  });

  test.each([
    [{ type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [tool('b')] } }],
    [{ type: 'allowed_tools', mode: 'required', tools: [tool('b')] }],
  ])('with tool_choice %j calls an allowed tool', async (tool_choice) => {
    const { items } = await answer(engine, {
      messages,
      tools: [tool('a'), tool('b'), tool('c')],
      tool_choice,
      temperature: 0,
    });
    const names = items.flatMap((item) => item.tool?.name ?? []);

    expect(new Set(names)).toEqual(new Set(['b']));
  });

  test('names an allowed tool that does not exist', async () => {
    const tool_choice = { type: 'allowed_tools', mode: 'auto', tools: [tool('third_tool')] };

    await expect(prompt({ tools: [tool('first_tool')], tool_choice })).rejects.toThrow(
      '"third_tool"',
    );
  });

  test.each([
    [{ type: 'json_object', schema: ONLY_5 }],
    [{ type: 'json_schema', schema: ONLY_5 }],
    [{ type: 'json_schema', json_schema: { name: 'five', schema: ONLY_5 } }],
  ])('with response_format %j follows the schema', async (response_format) => {
    const { text } = await answer(engine, { messages, response_format, temperature: 0 });

    expect(JSON.parse(text)).toEqual({ a: 5 });
  });

  test('starts an object for json_schema without a schema', async () => {
    const response_format = { type: 'json_schema', json_schema: { name: 'any' } };
    const { text } = await answer(engine, { messages, response_format, max_tokens: 8 });

    expect(text.trimStart()).toStartWith('{');
  });

  test('ends the prompt as continue_final_message and add_generation_prompt say', async () => {
    const begun = [...messages, assistant('It is')];
    const closed = await prompt({ messages: begun, continue_final_message: false });
    const next = await prompt({ messages: [...begun, user('Go on')] });

    expect(await prompt({ messages: begun, continue_final_message: true })).toEndWith('It is');
    expect(closed).not.toEndWith('It is');
    expect(closed.startsWith(next.slice(0, next.indexOf('Go on') - 20))).toBe(true);
    expect(await prompt({ messages: begun, add_generation_prompt: true })).toBe(closed);
    const bare = await prompt({ add_generation_prompt: false });
    expect((await prompt({})).startsWith(bare)).toBe(true);
    expect(bare.length).toBeLessThan((await prompt({})).length);
    await expect(prompt({ continue_final_message: true })).rejects.toThrow('last message');
    await expect(
      prompt({ messages: begun, continue_final_message: true, add_generation_prompt: true }),
    ).rejects.toThrow('must not both be true');
  });

  test('is refused with the name of the field for documents that the template does not read', async () => {
    await expect(prompt({ documents: [{ title: 'a', text: 'b' }] })).rejects.toThrow('"documents"');
    expect(await prompt({ documents: [] })).toBe(await prompt({}));
  });

  test('may carry the reasoning of earlier turns as reasoning too', async () => {
    const turn = (thoughts: object) => [
      ...messages,
      { ...assistant('A gateway.'), ...thoughts },
      user('And?'),
    ];

    expect(await prompt({ messages: turn({ reasoning: 'qzThought' }) })).toBe(
      await prompt({ messages: turn({ reasoning_content: 'qzThought' }) }),
    );
  });

  test.each([
    ['chat', { prompt: 'x' }, 'prompt', '/v1/completions'],
    ['completions', { tools: [tool('a')] }, 'tools', '/v1/chat/completions'],
    ['completions', { messages }, 'messages', '/v1/chat/completions'],
  ] as const)(
    'with a field of another route is refused on %s: %j',
    async (route, more, param, path) => {
      const body = route === 'chat' ? { messages, ...more } : { prompt: 'x', ...more };
      const { last } = await answer(engine, body, route);

      expect(last).toMatchObject({ type: 'error', code: 'unsupported_parameter', param });
      expect(last).toHaveProperty('message', expect.stringContaining(path));
    },
  );

  test('with reasoning.exclude is refused by name', async () => {
    const { last } = await answer(engine, { messages, reasoning: { exclude: true } });

    expect(last).toMatchObject({ code: 'invalid_request', param: 'reasoning.exclude' });
  });

  test('with images in a member of a message is refused, and with an empty list of them is accepted', async () => {
    const withImages = (images: readonly string[]) =>
      answer(engine, { messages: [{ ...user('What is this?'), images }], max_tokens: 1 });

    expect((await withImages(['iVBORw0='])).last).toMatchObject({
      code: 'vision_unsupported',
      param: 'messages[0].images',
    });
    expect((await withImages([])).last).toMatchObject({ type: 'done' });
  });

  describe('thinking_budget_tokens', () => {
    const thoughtful = [...messages, assistant('<think>\nIt')];
    const ask = { messages: thoughtful, temperature: 0, max_tokens: 200 };

    test.each([
      { thinking_budget_tokens: 5 },
      { reasoning_budget_tokens: 5 },
      { thinking_token_budget: 5 },
      { thinking_budget: 5 },
      { reasoning: { max_tokens: 5 } },
    ])('given as %j ends the reasoning, and the answer starts', async (field) => {
      const endless = await thoughtsOf(engine, { ...ask, ignore_eos: true });
      const bounded = await thoughtsOf(engine, { ...ask, ...field });

      expect(endless.tokens).toBeGreaterThan(20);
      expect(bounded.tokens).toBeGreaterThanOrEqual(5);
      expect(bounded.tokens).toBeLessThan(12);
      expect(bounded.text).not.toBe('');
      expect(bounded.text + bounded.thoughts).not.toContain('</think>');
    });

    test('of 0, and disabled reasoning, end the reasoning at once', async () => {
      for (const off of [{ thinking_budget_tokens: 0 }, { reasoning_effort: 'none' }]) {
        const { thoughts, text } = await thoughtsOf(engine, { ...ask, ...off });

        expect(thoughts.trim()).toBe('');
        expect(text).not.toBe('');
      }
    });

    test('works together with a schema', async () => {
      const schema = { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'] };
      const { text } = await thoughtsOf(engine, {
        ...ask,
        thinking_budget_tokens: 4,
        response_format: { type: 'json_schema', json_schema: { schema } },
      });

      expect(JSON.parse(text)).toMatchObject({ a: expect.any(Number) });
    });
  });
});

async function thoughtsOf(engine: Engine, body: Readonly<Record<string, unknown>>) {
  const { text, items, last } = await answer(engine, body);
  if (last.type !== 'done') throw new Error(last.message);
  const thoughts = items.map((item) => item.reasoning ?? '').join('');
  return { text, thoughts, tokens: last.usage.reasoningTokens };
}
