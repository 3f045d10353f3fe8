import Anthropic from '@anthropic-ai/sdk';
import { type ChatRequest, type Message as OllamaMessage, Ollama } from 'ollama';
import OpenAI from 'openai';
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions';

/** A call or an answer of the model, as its SDK reports it. */
export interface AgentAnswer {
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
  readonly text: string;
  /** Tokens, cached ones included. */
  readonly usage: { readonly prompt: number; readonly completion: number };
  /** The conversation up to here, and the id of the last call, in the form of its API. */
  readonly history: unknown;
  readonly callId: string;
}

type Way = 'whole' | 'streamed';

/** An agent with the tool `get_weather`, built on the official SDK of an API. */
export interface Agent {
  readonly name: 'chat' | 'messages' | 'responses' | 'ollama';
  readonly tools: unknown;
  ask(question: string, way: Way): Promise<AgentAnswer>;
  /** Asks again with the result of the call in `call`. */
  answer(call: AgentAnswer, result: string, way: Way): Promise<AgentAnswer>;
  /** Begins a stream for a long answer and leaves it after its first part. */
  leave(question: string): Promise<void>;
}

// Bounded, because a tiny model that must answer with a text may not end it.
const parameters = {
  type: 'object' as const,
  properties: { city: { type: 'string', maxLength: 20 } },
  required: ['city'],
  additionalProperties: false,
};
const name = 'get_weather';
const description = 'Get the current weather for a city';
const MAX_TOKENS = 200;

/** Of an answer that is so long that a client can leave it in the middle. */
const LONG = {
  type: 'object' as const,
  properties: { numbers: { type: 'array', items: { type: 'integer' }, minItems: 500 } },
  required: ['numbers'],
  additionalProperties: false,
};
const MANY_TOKENS = 2000;

/** Clients of `/v1/chat/completions`. */
function chatAgent(openai: OpenAI, model: string): Agent {
  const tools = [{ type: 'function' as const, function: { name, description, parameters } }];
  async function send(messages: ChatCompletionMessageParam[], way: Way): Promise<AgentAnswer> {
    const body = { model, temperature: 0, messages, tools };
    const completion =
      way === 'whole'
        ? await openai.chat.completions.create(body)
        : await openai.chat.completions
            .stream({ ...body, stream_options: { include_usage: true } })
            .finalChatCompletion();
    const [choice] = completion.choices;
    const calls = (choice?.message.tool_calls ?? []).filter((call) => call.type === 'function');
    const { prompt_tokens: prompt = 0, completion_tokens = 0 } = completion.usage ?? {};
    return {
      calls: calls.map(({ function: called }) => ({
        name: called.name,
        arguments: JSON.parse(called.arguments),
      })),
      text: choice?.message.content ?? '',
      usage: { prompt, completion: completion_tokens },
      history: [...messages, choice?.message],
      callId: calls[0]?.id ?? '',
    };
  }
  return {
    name: 'chat',
    tools,
    ask: (content, way) => send([{ role: 'user', content }], way),
    answer: ({ history, callId }, content, way) =>
      send(
        [
          ...(history as ChatCompletionMessageParam[]),
          { role: 'tool', tool_call_id: callId, content },
        ],
        way,
      ),
    async leave(content) {
      const stream = await openai.chat.completions.create({
        model,
        messages: [{ role: 'user', content }],
        max_tokens: MANY_TOKENS,
        response_format: { type: 'json_schema', json_schema: { name: 'long', schema: LONG } },
        stream: true,
      });
      for await (const { choices } of stream) if (choices[0]?.delta.content) break;
      stream.controller.abort();
    },
  };
}

/** Clients of Anthropic's API. */
function messagesAgent(anthropic: Anthropic, model: string): Agent {
  const tools: Anthropic.Tool[] = [{ name, description, input_schema: parameters }];
  async function send(messages: Anthropic.MessageParam[], way: Way): Promise<AgentAnswer> {
    const body = { model, temperature: 0, max_tokens: MAX_TOKENS, messages, tools };
    const message =
      way === 'whole'
        ? await anthropic.messages.create(body)
        : await anthropic.messages.stream(body).finalMessage();
    const { content, usage } = message;
    const calls = content.filter((block) => block.type === 'tool_use');
    return {
      calls: calls.map((block) => ({ name: block.name, arguments: block.input })),
      text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
      usage: {
        prompt: usage.input_tokens + (usage.cache_read_input_tokens ?? 0),
        completion: usage.output_tokens,
      },
      history: [...messages, { role: 'assistant', content }],
      callId: calls[0]?.id ?? '',
    };
  }
  return {
    name: 'messages',
    tools,
    ask: (content, way) => send([{ role: 'user', content }], way),
    answer: ({ history, callId }, content, way) =>
      send(
        [
          ...(history as Anthropic.MessageParam[]),
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: callId, content }] },
        ],
        way,
      ),
    async leave(content) {
      const stream = await anthropic.messages.create({
        model,
        max_tokens: MANY_TOKENS,
        messages: [{ role: 'user', content }],
        output_config: { format: { type: 'json_schema', schema: LONG } },
        stream: true,
      });
      for await (const { type } of stream) if (type === 'content_block_delta') break;
      stream.controller.abort();
    },
  };
}

/** Clients of `/v1/responses`. */
function responsesAgent(openai: OpenAI, model: string): Agent {
  const tools = [{ type: 'function' as const, name, description, parameters, strict: null }];
  async function send(input: OpenAI.Responses.ResponseInput, way: Way): Promise<AgentAnswer> {
    const body = { model, temperature: 0, store: false, input, tools };
    const { output, usage }: Pick<OpenAI.Responses.Response, 'output' | 'usage'> =
      way === 'whole'
        ? await openai.responses.create(body)
        : await openai.responses.stream(body).finalResponse();
    const calls = output.filter((item) => item.type === 'function_call');
    const parts = output.flatMap((item) => (item.type === 'message' ? item.content : []));
    return {
      calls: calls.map((item) => ({ name: item.name, arguments: JSON.parse(item.arguments) })),
      text: parts.map((part) => (part.type === 'output_text' ? part.text : '')).join(''),
      usage: { prompt: usage?.input_tokens ?? 0, completion: usage?.output_tokens ?? 0 },
      history: [...input, ...output],
      callId: calls[0]?.call_id ?? '',
    };
  }
  return {
    name: 'responses',
    tools,
    ask: (content, way) => send([{ role: 'user', content }], way),
    answer: ({ history, callId }, output, way) =>
      send(
        [
          ...(history as OpenAI.Responses.ResponseInput),
          { type: 'function_call_output', call_id: callId, output },
        ],
        way,
      ),
    async leave(input) {
      const stream = await openai.responses.create({
        model,
        input,
        max_output_tokens: MANY_TOKENS,
        text: { format: { type: 'json_schema', name: 'long', schema: LONG } },
        stream: true,
      });
      for await (const { type } of stream) if (type === 'response.output_text.delta') break;
      stream.controller.abort();
    },
  };
}

/** Clients of Ollama's API. */
function ollamaAgent(ollama: Ollama, model: string): Agent {
  const tools = [
    { type: 'function', function: { name, description, parameters } },
  ] as unknown as NonNullable<ChatRequest['tools']>;
  async function send(messages: OllamaMessage[], way: Way): Promise<AgentAnswer> {
    const body = { model, messages, tools, options: { temperature: 0 } };
    const parts =
      way === 'whole'
        ? [await ollama.chat(body)]
        : await Array.fromAsync(await ollama.chat({ ...body, stream: true }));
    const calls = parts.flatMap(({ message }) => message.tool_calls ?? []);
    const content = parts.map(({ message }) => message.content).join('');
    const last = parts.at(-1);
    return {
      calls: calls.map((call) => ({
        name: call.function.name,
        arguments: call.function.arguments,
      })),
      text: content,
      usage: { prompt: last?.prompt_eval_count ?? 0, completion: last?.eval_count ?? 0 },
      history: [...messages, { role: 'assistant', content, tool_calls: calls }],
      callId: '',
    };
  }
  return {
    name: 'ollama',
    tools,
    ask: (content, way) => send([{ role: 'user', content }], way),
    // Results have no id in this API.
    answer: ({ history }, content, way) =>
      send([...(history as OllamaMessage[]), { role: 'tool', tool_name: name, content }], way),
    async leave(content) {
      const stream = await ollama.chat({
        model,
        messages: [{ role: 'user', content }],
        format: LONG,
        options: { num_predict: MANY_TOKENS },
        stream: true,
      });
      try {
        for await (const { message } of stream) if (message.content !== '') stream.abort();
      } catch (error) {
        if (!(error instanceof Error && error.name === 'AbortError')) throw error;
      }
    },
  };
}

/** One agent for each API of the gateway at `api`. */
export function agentsOf(api: string, model: string): Readonly<Record<Agent['name'], Agent>> {
  const openai = new OpenAI({ baseURL: `${api}/v1`, apiKey: 'none', maxRetries: 0 });
  const anthropic = new Anthropic({ baseURL: api, apiKey: 'none', maxRetries: 0 });
  return {
    chat: chatAgent(openai, model),
    messages: messagesAgent(anthropic, model),
    responses: responsesAgent(openai, model),
    ollama: ollamaAgent(new Ollama({ host: api }), model),
  };
}
