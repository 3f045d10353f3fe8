/** What `tool_choice` leaves alone (the prompt), and what it forbids (calls). */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine/engine.ts';
import { type Answered, answer, loadTiny } from './llama-under-test.ts';

const user = (content: string) => ({ role: 'user', content });
const tool = (name: string) => ({
  type: 'function',
  function: {
    name,
    description: `The tool ${name}.`,
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
});
const tools = [tool('get_weather'), tool('find_place'), tool('add')];
const messages = [user('What is the weather in Paris?')];
const subset = (...names: string[]) => ({
  type: 'allowed_tools',
  allowed_tools: { mode: 'auto', tools: names.map(tool) },
});

const callsOf = ({ items }: Answered): string[] => items.flatMap((item) => item.tool?.name ?? []);
const usageOf = ({ last }: Answered) => {
  if (last.type !== 'done') throw new Error(last.message);
  return last.usage;
};

describe('tool_choice', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny();
  });
  afterAll(() => engine.close(0));

  const ask = (more: object) => answer(engine, { messages, tools, temperature: 0, ...more });

  test.each(['none', 'required', tools[1], subset('add')])(
    '%j does not change the prompt',
    async (tool_choice) => {
      const auto = await engine.applyTemplate({ messages, tools });

      expect(await engine.applyTemplate({ messages, tools, tool_choice })).toBe(auto);
    },
  );

  test('costs no turn of a conversation its cells', async () => {
    const told: object[] = [user('Hello, who are you?')];
    const cached: number[] = [];
    const kept: number[] = [];
    for (const tool_choice of ['auto', 'none', 'auto', subset('add'), 'auto']) {
      const answered = await ask({ messages: told, tool_choice, max_tokens: 8 });
      const { cachedTokens, promptTokens } = usageOf(answered);
      cached.push(cachedTokens);
      kept.push(promptTokens);
      told.push({ role: 'assistant', content: answered.text }, user('And what else?'));
    }

    expect(cached[0]).toBe(0);
    for (const [at, tokens] of cached.slice(1).entries())
      expect(tokens).toBeGreaterThanOrEqual((kept[at] ?? Infinity) - 8);
  });

  test('"none" is answered with text, without a call and without its markers', async () => {
    const auto = await ask({});
    const none = await ask({ tool_choice: 'none' });

    expect(callsOf(auto)).toEqual(['get_weather']);
    expect(callsOf(none)).toEqual([]);
    expect(none.text).toMatch(/\w/);
    expect(none.text).not.toContain('tool_call>');
    expect(none.last).toMatchObject({ finish: [{ reason: 'stop' }] });
  });

  test('"none" reads a call that the model writes as text', async () => {
    const started = { role: 'assistant', content: 'Call: {"name": "get_weather", "arguments":' };
    const none = await ask({ messages: [...messages, started], tool_choice: 'none' });

    expect(callsOf(none)).toEqual([]);
    expect(none.last).toMatchObject({ finish: [{ reason: 'stop' }] });
  });

  test('that does not allow the tool the model calls makes the call text', async () => {
    const allowed = await ask({ tool_choice: subset('get_weather') });
    const refused = await ask({ tool_choice: subset('find_place', 'add') });

    expect(callsOf(allowed)).toEqual(['get_weather']);
    expect(callsOf(refused)).toEqual([]);
    expect(JSON.parse(refused.text)).toMatchObject({ name: 'get_weather', arguments: {} });
    expect(refused.last).toMatchObject({ finish: [{ reason: 'stop' }] });
  });
});
