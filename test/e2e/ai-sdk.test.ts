/** The `ai` SDK with its providers, each against the API that it speaks. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  APICallError,
  generateText,
  stepCountIs,
  jsonSchema,
  type LanguageModel,
  Output,
  streamText,
  tool,
} from 'ai';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { leftClients, untilAbandoned } from './abandoned.ts';
import { startUp, type Up } from './start-up.ts';

const MODEL = 'cortex-tiny';
const WEATHER = "What's the weather in Paris?";

// Bounded, because a tiny model that must answer with a text may not end it.
const GET_WEATHER = tool({
  description: 'Get the current weather for a city',
  inputSchema: jsonSchema<{ city: string }>({
    type: 'object',
    properties: { city: { type: 'string', maxLength: 20 } },
    required: ['city'],
    additionalProperties: false,
  }),
  execute: () => ({ temperature: 21, condition: 'sunny' }),
});
const NUMBERS = jsonSchema<{ numbers: number[] }>({
  type: 'object',
  properties: {
    numbers: { type: 'array', items: { type: 'integer' }, minItems: 3, maxItems: 3 },
  },
  required: ['numbers'],
  additionalProperties: false,
});
/** Of an answer that is so long that a client can leave it in the middle. */
const LONG = jsonSchema<{ numbers: number[] }>({
  type: 'object',
  properties: { numbers: { type: 'array', items: { type: 'integer' }, minItems: 500 } },
  required: ['numbers'],
  additionalProperties: false,
});

/** The provider of each API, as `docs/apis.md` names them. */
function providersOf(api: string) {
  const baseURL = `${api}/v1`;
  const openai = createOpenAI({ baseURL, apiKey: 'none' });
  const anthropic = createAnthropic({ baseURL, apiKey: 'none' });
  const compatible = createOpenAICompatible({
    name: 'cortex',
    baseURL,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
  return {
    'openai, chat': (model: string) => openai.chat(model),
    'openai, responses': (model: string) => openai.responses(model),
    'openai-compatible': (model: string) => compatible(model),
    anthropic: (model: string) => anthropic(model),
  } satisfies Record<string, (model: string) => LanguageModel>;
}

/** What the SDK reports of a loop with one tool. */
interface Loop {
  readonly text: string;
  readonly calls: readonly { readonly toolName: string; readonly input: unknown }[];
  readonly results: readonly unknown[];
  readonly tokens: readonly (number | undefined)[];
}

async function loop(model: LanguageModel, way: 'whole' | 'streamed'): Promise<Loop> {
  const asked = {
    model,
    prompt: WEATHER,
    temperature: 0,
    maxOutputTokens: 200,
    maxRetries: 0,
    tools: { get_weather: GET_WEATHER },
    stopWhen: stepCountIs(2),
  };
  const { text, steps } =
    way === 'whole' ? await generateText(asked) : await finished(streamText(asked));
  return {
    text,
    calls: steps.flatMap(({ toolCalls }) =>
      toolCalls.map(({ toolName, input }) => ({ toolName, input })),
    ),
    results: steps.flatMap(({ toolResults }) => toolResults.map(({ output }) => output)),
    tokens: steps.flatMap(({ usage }) => [usage.inputTokens, usage.outputTokens]),
  };
}

/** The end of a stream whose deltas add up to its text. */
async function finished(
  stream: ReturnType<typeof streamText<{ get_weather: typeof GET_WEATHER }>>,
) {
  const deltas = (await Array.fromAsync(stream.textStream)).join('');
  const [text, steps] = await Promise.all([stream.text, stream.steps]);
  expect(deltas).toBe(steps.map((step) => step.text).join(''));
  return { text, steps };
}

const NAMES = ['openai, chat', 'openai, responses', 'openai-compatible', 'anthropic'] as const;

describe('the ai SDK', () => {
  let up: Up;
  let providers: ReturnType<typeof providersOf>;

  beforeAll(async () => {
    up = await startUp();
    providers = providersOf(up.api);
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  let first: Loop | undefined;
  for (const name of NAMES) {
    // Per provider: one of them says more about its tools, which the model reads.
    let tokens: Loop['tokens'] | undefined;
    for (const way of ['whole', 'streamed'] as const) {
      test(`runs a tool and answers with its result, as with each provider (${name}, ${way})`, async () => {
        const done = await loop(providers[name](MODEL), way);
        first ??= done;
        tokens ??= done.tokens;

        expect(done.calls).toEqual([{ toolName: 'get_weather', input: { city: 'Paris' } }]);
        expect(done.results).toEqual([{ temperature: 21, condition: 'sunny' }]);
        expect(done.text).toMatch(/21|sunny/);
        expect(done.text).toBe(first.text);
        expect(done.tokens).toHaveLength(4);
        expect(done.tokens.every((count) => count !== undefined && count > 0)).toBe(true);
        expect(done.tokens).toEqual(tokens);
      });
    }

    test(`gets an object of the asked form (${name})`, async () => {
      const { output } = await generateText({
        model: providers[name](MODEL),
        prompt: 'Give me three numbers.',
        temperature: 0,
        maxOutputTokens: 200,
        maxRetries: 0,
        output: Output.object({ schema: NUMBERS }),
      });

      expect(output.numbers).toHaveLength(3);
      expect(output.numbers.every(Number.isInteger)).toBe(true);
    });

    test(`learns that a limit cut an answer off (${name})`, async () => {
      const { finishReason, usage } = await generateText({
        model: providers[name](MODEL),
        prompt: 'What is cortex?',
        maxOutputTokens: 16,
        maxRetries: 0,
      });

      expect(finishReason).toBe('length');
      expect(usage.outputTokens).toBe(16);
    });

    test(`reads the error for an unknown model, and does not ask again (${name})`, async () => {
      const asked = { model: providers[name]('no-such-model'), prompt: 'hi', maxRetries: 2 };

      const whole = await generateText(asked).catch((error: unknown) => error);
      let streamed: unknown;
      const stream = streamText({ ...asked, onError: ({ error }) => void (streamed = error) });
      await stream.consumeStream();

      for (const error of [whole, streamed]) {
        if (!APICallError.isInstance(error))
          throw new Error('not an APICallError', { cause: error });
        expect(error).toMatchObject({ statusCode: 404, isRetryable: false });
        // The message is that of the body, so the provider understands the body.
        expect(error.message).toContain('no-such-model');
        expect(error.message).not.toContain('{');
      }
    });

    test(`stops the engine when it aborts a stream (${name})`, async () => {
      const before = await leftClients(up);
      const abort = new AbortController();
      const stream = streamText({
        model: providers[name](MODEL),
        prompt: 'Count.',
        maxOutputTokens: 2000,
        maxRetries: 0,
        output: Output.object({ schema: LONG }),
        abortSignal: abort.signal,
      });
      let hasAborted = false;
      for await (const { type } of stream.fullStream) {
        if (type === 'text-delta') abort.abort();
        hasAborted ||= type === 'abort';
      }

      expect(hasAborted).toBe(true);
      await untilAbandoned(up, before);
    });
  }
});
