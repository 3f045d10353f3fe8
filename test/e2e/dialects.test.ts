import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import Anthropic, { NotFoundError as AnthropicNotFoundError } from '@anthropic-ai/sdk';
import { type NodeHealth as Health, NodeHealth } from '@cortex/protocol';
import { Ollama } from 'ollama';
import OpenAI, { NotFoundError } from 'openai';

import { type Agent, type AgentAnswer, agentsOf } from './agents.ts';
import { GOOD_ANSWER } from './ask.ts';
import { eventually } from './processes.ts';
import { ROOT, startUp, type Up } from './start-up.ts';

const MODEL = 'cortex-tiny';
const WEATHER = "What's the weather in Paris?";
const RESULT = '{"temperature": 21, "condition": "sunny"}';

const loadOf = ({ models }: Health): number =>
  models.reduce((sum, { in_flight, queue_depth }) => sum + in_flight + queue_depth, 0);

/** Asks, runs the tool that the model calls, and asks again with its result. */
async function loop(agent: Agent, way: 'whole' | 'streamed') {
  const call = await agent.ask(WEATHER, way);
  const answer = await agent.answer(call, RESULT, way);
  return { call, answer };
}

const said = ({ calls, text }: AgentAnswer) => ({ calls, text });

describe('the APIs of cortex', () => {
  let up: Up;
  let agents: Readonly<Record<Agent['name'], Agent>>;
  let anthropic: Anthropic;
  let openai: OpenAI;
  let ollama: Ollama;

  beforeAll(async () => {
    up = await startUp();
    const apiKey = 'none';
    anthropic = new Anthropic({ baseURL: up.api, apiKey, maxRetries: 0 });
    openai = new OpenAI({ baseURL: `${up.api}/v1`, apiKey, maxRetries: 0 });
    ollama = new Ollama({ host: up.api });
    agents = agentsOf(up.api, MODEL);
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  /** Requests that the node has in flight or waiting. */
  const nodeLoad = async (): Promise<number> =>
    loadOf(NodeHealth.parse(await (await fetch(`${up.node}/health`)).json()));

  /** The APIs whose clients have left. */
  async function left(): Promise<ReadonlySet<string>> {
    const text = await (await fetch(`${up.metrics}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.includes('outcome="client_left"'));
    return new Set(lines.map((line) => /api="(\w+)"/.exec(line)?.[1] ?? ''));
  }

  let first: Awaited<ReturnType<typeof loop>> | undefined;
  for (const name of ['chat', 'messages', 'responses', 'ollama'] as const) {
    for (const way of ['whole', 'streamed'] as const) {
      test(`answers with the result of a tool, the same in each API (${name}, ${way})`, async () => {
        const { call, answer } = await loop(agents[name], way);
        first ??= { call, answer };

        expect(call.calls).toEqual([{ name: 'get_weather', arguments: { city: 'Paris' } }]);
        expect(answer.text).toMatch(/21|sunny/);
        expect(said(call)).toEqual(said(first.call));
        expect(said(answer)).toEqual(said(first.answer));
        // Tokens of prompt and answer.
        expect([call.usage, answer.usage]).toEqual([first.call.usage, first.answer.usage]);
        expect(answer.usage.prompt).toBeGreaterThan(call.usage.prompt);
        expect(answer.usage.completion).toBeGreaterThan(0);
      });
    }
  }

  for (const name of ['chat', 'messages', 'responses', 'ollama'] as const) {
    test(`stops the engine when the client of a stream leaves (${name})`, async () => {
      await agents[name].leave('Count.');

      await eventually('the node to be idle', async () => (await nodeLoad()) === 0);
      // The answer had not ended by itself.
      await eventually('the request to be counted', async () => (await left()).has(name));
    });
  }

  test('answers each example of docs/apis.md', () => {
    const page = readFileSync(join(ROOT, 'docs/apis.md'), 'utf8');
    const examples = [...page.matchAll(/^curl .*?(?=^```$)/gms)].map(([command]) =>
      command.replace('http://127.0.0.1:31313', up.api),
    );

    const answers = examples.map((command) =>
      execFileSync('sh', ['-c', command], { encoding: 'utf8' }),
    );

    expect(answers).toHaveLength(4);
    for (const answer of answers) expect(answer).toMatch(GOOD_ANSWER);
  });

  test('counts as many tokens for a message as the answer to it reports', async () => {
    const asked = {
      model: MODEL,
      system: 'You are terse.',
      messages: [{ role: 'user' as const, content: WEATHER }],
      tools: agents.messages.tools as Anthropic.Tool[],
    };

    const { input_tokens: counted } = await anthropic.messages.countTokens(asked);
    const { usage } = await anthropic.messages.create({ ...asked, max_tokens: 1 });

    expect(counted).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
    expect(counted).toBeGreaterThan(20);
  });

  test('runs the loop of the Anthropic SDK, which asks for a thread first', async () => {
    const asked: unknown[] = [];
    // Its types have no temperature for models that they do not know.
    const greedy = { temperature: 0 };
    const runner = anthropic.beta.messages.toolRunner({
      ...greedy,
      model: MODEL,
      max_tokens: 200,
      messages: [{ role: 'user', content: WEATHER }],
      tools: [
        {
          type: 'custom',
          name: 'get_weather',
          description: 'Get the current weather for a city',
          input_schema: {
            type: 'object',
            properties: { city: { type: 'string', maxLength: 20 } },
            required: ['city'],
            additionalProperties: false,
          },
          parse: (input: unknown) => input,
          run: (input: unknown) => {
            asked.push(input);
            return '21 degrees and sunny';
          },
        },
      ],
    });

    const { content } = await runner.runUntilDone();

    expect(asked).toEqual([{ city: 'Paris' }]);
    expect(JSON.stringify(content)).toMatch(/21|sunny/);
  });

  test('says why an answer ended in the words of Anthropic', async () => {
    const asked = {
      model: MODEL,
      max_tokens: 200,
      temperature: 0,
      messages: [{ role: 'user' as const, content: 'What is cortex?' }],
    };

    const short = await anthropic.messages.create({ ...asked, max_tokens: 3 });
    const stopped = await anthropic.messages.create({ ...asked, stop_sequences: ['gateway'] });

    expect(short).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 3 } });
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'gateway' });
    expect(JSON.stringify(stopped.content)).not.toContain('gateway');
  });

  test('says that a limit cut an answer off, in the words of the other APIs', async () => {
    const input = 'What is cortex?';
    const messages = [{ role: 'user' as const, content: input }];

    const chat = await openai.chat.completions.create({ model: MODEL, messages, max_tokens: 3 });
    const response = await openai.responses.create({ model: MODEL, input, max_output_tokens: 16 });
    const line = await ollama.chat({ model: MODEL, messages, options: { num_predict: 3 } });

    expect(chat.choices[0]?.finish_reason).toBe('length');
    expect(response).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
    });
    expect(line).toMatchObject({ done: true, done_reason: 'length', eval_count: 3 });
  });

  test('lists its models for each client', async () => {
    const ids = (await openai.models.list()).data.map(({ id }) => id);
    // Claude Code hides names that do not begin like this one.
    const anthropicIds = (await anthropic.models.list()).data.map(({ id }) => id);
    const one = await anthropic.models.retrieve(`anthropic/${MODEL}`);
    const { models: tags } = await ollama.list();
    const { models: loaded } = await ollama.ps();
    const { capabilities } = await ollama.show({ model: `${MODEL}:latest` });
    const { version } = await ollama.version();

    expect(ids).toContain(MODEL);
    expect(anthropicIds).toContain(`anthropic/${MODEL}`);
    expect(one.type).toBe('model');
    expect(tags.map(({ name }) => name)).toContain(`${MODEL}:latest`);
    expect(loaded.map(({ name }) => name)).toContain(`${MODEL}:latest`);
    expect(capabilities).toContain('tools');
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('answers under the names that the clients use', async () => {
    const messages = [{ role: 'user' as const, content: 'What is cortex?' }];

    const message = await anthropic.messages.create({
      model: `anthropic/${MODEL}`,
      max_tokens: 3,
      messages,
    });
    const line = await ollama.chat({
      model: `${MODEL}:latest`,
      messages,
      options: { num_predict: 3 },
    });

    expect(message).toMatchObject({ role: 'assistant', model: `anthropic/${MODEL}` });
    expect(line).toMatchObject({ done: true, model: `${MODEL}:latest` });
  });

  test('refuses an unknown model with an error that each client knows', async () => {
    const model = 'no-such-model';
    const messages = [{ role: 'user' as const, content: 'hi' }];

    const errors = await Promise.all(
      [
        openai.chat.completions.create({ model, messages }),
        openai.responses.create({ model, input: 'hi' }),
        anthropic.messages.create({ model, max_tokens: 3, messages }),
        ollama.chat({ model, messages }),
      ].map((asked) => Promise.resolve(asked).catch((error: unknown) => error)),
    );

    const [chat, response, message, line] = errors;
    expect(chat).toBeInstanceOf(NotFoundError);
    expect(response).toBeInstanceOf(NotFoundError);
    expect(message).toBeInstanceOf(AnthropicNotFoundError);
    expect(line).toMatchObject({ name: 'ResponseError', status_code: 404 });
    for (const error of errors) expect(String(error)).toContain(model);
  });
});
