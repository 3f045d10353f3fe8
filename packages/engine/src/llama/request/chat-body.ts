import { isJsonObject, JsonObjectShape } from '@cortex/protocol';
import { z } from 'zod';

import { flag, numberFrom, optional, seed, text, tokenCount, wholeFrom } from './body-values.ts';
import { THINKING_FIELDS } from './thinking-fields.ts';

const NOT_A_TOKEN = 'must be named by the id of a token';

const TEXT_PARTS: readonly string[] = ['text', 'input_text', 'output_text'];

const PartObject = z
  .looseObject({ type: text, text: z.unknown().optional() }, 'must be an object')
  .superRefine((part, context) => {
    if (!TEXT_PARTS.includes(part.type) || typeof part.text === 'string') return;
    context.addIssue({ code: 'custom', path: ['text'], message: 'must be a string' });
  });

/** A string in the list is a text part. */
const ContentPart = z.preprocess(
  (part) => (typeof part === 'string' ? { type: 'text', text: part } : part),
  PartObject,
);

const ToolCall = z.looseObject({
  id: text.optional(),
  type: text.optional(),
  function: z.looseObject({
    name: text,
    arguments: z
      .union([z.string(), JsonObjectShape], 'must be JSON text or an object')
      .default('{}'),
  }),
});

/** The result of a tool may be a JSON object; its content is the JSON text of the object. */
function withTextOfResult(message: unknown): unknown {
  if (!isJsonObject(message) || !isJsonObject(message['content'])) return message;
  const isResult = message['role'] === 'tool' || message['role'] === 'function';
  return isResult ? { ...message, content: JSON.stringify(message['content']) } : message;
}

const MessageObject = z
  .looseObject({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
    content: z
      .union([z.string(), z.array(ContentPart)], 'must be a string or a list of parts')
      .nullish()
      .transform((value) => value ?? null),
    refusal: optional(text),
    audio: optional(z.unknown()),
    reasoning_content: optional(text),
    reasoning: optional(z.unknown()),
    tool_calls: optional(z.array(ToolCall)),
    function_call: optional(z.looseObject({ name: text, arguments: text.default('{}') })),
    tool_call_id: optional(text),
    name: optional(text),
    images: optional(z.array(z.unknown())),
  })
  .transform(({ reasoning, ...message }) => ({
    ...message,
    // The name in vLLM and OpenRouter.
    reasoning_content:
      message.reasoning_content ?? (typeof reasoning === 'string' ? reasoning : undefined),
  }));
export const ChatMessage = z.preprocess(withTextOfResult, MessageObject);
export type ChatMessage = z.infer<typeof ChatMessage>;

const FUNCTION = z.literal('function', 'must be "function": no other kind is supported');

/** Names that the parsers of all families can recognise. OpenAI accepts fewer. */
const ToolName = z
  .string('must be a string')
  .regex(/^[\w./:-]{1,128}$/, 'must have 1 to 128 letters, digits or _ - . / :');

export const Tool = z.looseObject({
  type: FUNCTION,
  function: z.looseObject({
    name: ToolName,
    description: optional(text),
    parameters: optional(JsonObjectShape),
  }),
});
export type Tool = z.infer<typeof Tool>;

const NamedTool = z.looseObject({ type: FUNCTION, function: z.looseObject({ name: text }) });

const allowed = {
  mode: z.enum(['auto', 'required']),
  tools: z.array(NamedTool).min(1, 'must not be empty'),
};

/** `{"type": "allowed_tools", "allowed_tools": {"mode", "tools"}}`, or the same without the inner object. */
const AllowedTools = z.union([
  z
    .looseObject({ type: z.literal('allowed_tools'), allowed_tools: z.looseObject(allowed) })
    .transform(({ allowed_tools }) => allowed_tools),
  z.looseObject({ type: z.literal('allowed_tools'), ...allowed }),
]);

const ToolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    // The name of `required` in Anthropic and Mistral.
    z.literal('any').transform(() => 'required' as const),
    NamedTool.transform((named) => ({ name: named.function.name })),
    AllowedTools.transform(({ mode, tools }) => ({
      mode,
      names: tools.map((tool) => tool.function.name),
    })),
  ],
  'must be "none", "auto", "required", {"type": "function", "function": {"name": …}} or {"type": "allowed_tools", "allowed_tools": {"mode": …, "tools": […]}}',
);
export type ToolChoice = z.infer<typeof ToolChoice>;

const ResponseFormat = z.looseObject(
  {
    type: z.enum(['text', 'json_object', 'json_schema']),
    json_schema: optional(z.looseObject({ schema: z.unknown().optional() }, 'must be an object')),
    schema: z.unknown().optional(),
  },
  'must be an object with "type"',
);
export type ResponseFormat = z.infer<typeof ResponseFormat>;

/** The fields for sampling and length, the same on both routes. */
export const SamplingBody = z.looseObject(
  {
    max_tokens: optional(tokenCount(0)),
    max_completion_tokens: optional(tokenCount(0)),
    n_predict: optional(tokenCount(0)),
    temperature: optional(numberFrom(0, 100)),
    top_p: optional(numberFrom(0, 1)),
    top_k: optional(wholeFrom(-1)),
    min_p: optional(numberFrom(0, 1)),
    seed: optional(seed),
    frequency_penalty: optional(numberFrom(-2, 2)),
    presence_penalty: optional(numberFrom(-2, 2)),
    repeat_penalty: optional(numberFrom(0.01, 10)),
    repetition_penalty: optional(numberFrom(0.01, 10)),
    logit_bias: optional(
      // `z.record` would drop the name that the first check refuses.
      JsonObjectShape.refine((bias) => !Object.hasOwn(bias, '__proto__'), NOT_A_TOKEN).pipe(
        z.record(z.string().regex(/^\d+$/), numberFrom(-100, 100), {
          error: ({ code }) =>
            code === 'invalid_key'
              ? NOT_A_TOKEN
              : 'must be an object of numbers from -100 to 100 by token id',
        }),
      ),
    ),
    stop: optional(
      z.union(
        [z.string(), z.array(z.string()).max(64)],
        'must be a string or a list of up to 64 strings',
      ),
    ),
    ignore_eos: optional(flag),
    n: optional(wholeFrom(1)),
  },
  'must be an object',
);
export type SamplingBody = z.infer<typeof SamplingBody>;

export const ChatBody = SamplingBody.extend({
  ...THINKING_FIELDS,
  messages: z.array(ChatMessage, 'must be a list of messages').min(1, 'must not be empty'),
  max_tokens: optional(tokenCount(1)),
  max_completion_tokens: optional(tokenCount(1)),
  n_predict: optional(tokenCount(1)),
  tools: optional(z.array(Tool, 'must be a list of tools')),
  tool_choice: optional(ToolChoice),
  parallel_tool_calls: optional(flag),
  response_format: optional(ResponseFormat),
  logprobs: optional(flag),
  top_logprobs: optional(wholeFrom(0, 20)),
  chat_template_kwargs: optional(JsonObjectShape),
  add_generation_prompt: optional(flag),
  continue_final_message: optional(flag),
  documents: optional(z.array(JsonObjectShape, 'must be a list of objects')),
  functions: optional(z.array(Tool.shape.function, 'must be a list of functions')),
  function_call: optional(
    z.union(
      [z.enum(['none', 'auto']), z.looseObject({ name: text })],
      'must be "none", "auto" or {"name": …}',
    ),
  ),
});
export type ChatBody = z.infer<typeof ChatBody>;

/** The most prompts per request. */
const MAX_PROMPTS = 128;

const Tokens = z.array(z.int().min(0)).min(1);

export const CompletionsBody = SamplingBody.extend({
  prompt: z.union(
    [
      z.string(),
      Tokens,
      z
        .array(z.union([z.string(), Tokens]))
        .min(1)
        .max(MAX_PROMPTS),
    ],
    `must be a string, a list of token ids, or a list of up to ${MAX_PROMPTS} of either`,
  ),
  logprobs: optional(wholeFrom(0, 20)),
  echo: optional(flag),
  suffix: optional(z.string('must be a string')),
});
export type CompletionsBody = z.infer<typeof CompletionsBody>;
