/**
 * The OpenAI shapes that neuron writes (contracts, section 1).
 *
 * Loose, because other servers and newer versions add fields; nothing here is used to forward a request.
 */
import { z } from 'zod';

export const CompletionUsage = z.looseObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.looseObject({ cached_tokens: z.int().optional() }).nullish(),
  completion_tokens_details: z.looseObject({ reasoning_tokens: z.int().optional() }).nullish(),
});
export type CompletionUsage = z.infer<typeof CompletionUsage>;

export const FinishReasonWire = z.enum(['stop', 'length', 'tool_calls', 'content_filter']);
export type FinishReasonWire = z.infer<typeof FinishReasonWire>;

export const ToolCall = z.looseObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
export type ToolCall = z.infer<typeof ToolCall>;

export const AssistantMessage = z.looseObject({
  role: z.literal('assistant'),
  content: z.string().nullable(),
  reasoning_content: z.string().nullish(),
  tool_calls: z.array(ToolCall).optional(),
});
export type AssistantMessage = z.infer<typeof AssistantMessage>;

/** A complete answer of `/v1/chat/completions`. */
export const ChatCompletion = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      message: AssistantMessage,
      finish_reason: FinishReasonWire.nullable(),
      logprobs: z.unknown().optional(),
    }),
  ),
  usage: CompletionUsage.optional(),
});
export type ChatCompletion = z.infer<typeof ChatCompletion>;

export const ToolCallChunk = z.looseObject({
  index: z.int(),
  id: z.string().optional(),
  type: z.literal('function').optional(),
  function: z
    .looseObject({ name: z.string().optional(), arguments: z.string().optional() })
    .optional(),
});
export type ToolCallChunk = z.infer<typeof ToolCallChunk>;

/** One event of a streamed chat answer. `choices` is empty on the chunk that carries only usage. */
export const ChatCompletionChunk = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      delta: z.looseObject({
        role: z.literal('assistant').optional(),
        content: z.string().nullish(),
        reasoning_content: z.string().nullish(),
        tool_calls: z.array(ToolCallChunk).optional(),
      }),
      finish_reason: FinishReasonWire.nullable(),
      logprobs: z.unknown().optional(),
    }),
  ),
  usage: CompletionUsage.nullish(),
});
export type ChatCompletionChunk = z.infer<typeof ChatCompletionChunk>;

/** An answer of `/v1/completions`, complete or one event of a stream: OpenAI uses one shape for both. */
export const Completion = z.looseObject({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      text: z.string(),
      finish_reason: FinishReasonWire.nullable(),
      logprobs: z.unknown().optional(),
    }),
  ),
  usage: CompletionUsage.nullish(),
});
export type Completion = z.infer<typeof Completion>;

/** The OpenAI error envelope (contracts, section 2). */
export const ErrorEnvelope = z.looseObject({
  error: z.looseObject({
    message: z.string(),
    type: z.string(),
    code: z.string().nullable(),
    param: z.string().nullable().optional(),
  }),
});
export type ErrorEnvelope = z.infer<typeof ErrorEnvelope>;
