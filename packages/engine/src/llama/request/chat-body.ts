import { CortexError } from '@cortex/protocol';
import { z } from 'zod';

/** `null` is what many clients send for "not set". */
const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

const TEXT_PARTS: readonly string[] = ['text', 'input_text', 'output_text'];

const ContentPart = z
  .looseObject({ type: z.string(), text: z.unknown().optional() })
  .superRefine((part, context) => {
    if (!TEXT_PARTS.includes(part.type) || typeof part.text === 'string') return;
    context.addIssue({ code: 'custom', path: ['text'], message: 'Invalid input: expected string' });
  });

const ToolCall = z.looseObject({
  id: z.string().optional(),
  type: z.string().optional(),
  function: z.looseObject({
    name: z.string(),
    arguments: z
      .union([z.string(), z.record(z.string(), z.unknown())], 'must be JSON, as text or as object')
      .default('{}'),
  }),
});

export const ChatMessage = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z
    .union([z.string(), z.array(ContentPart)], 'must be a text or a list of parts')
    .nullish()
    .transform((value) => value ?? null),
  reasoning_content: optional(z.string()),
  tool_calls: optional(z.array(ToolCall)),
  function_call: optional(z.looseObject({ name: z.string(), arguments: z.string().default('{}') })),
  tool_call_id: optional(z.string()),
  name: optional(z.string()),
});
export type ChatMessage = z.infer<typeof ChatMessage>;

const FUNCTION = z.literal('function', 'must be "function": no other kind is supported');

/** What the parsers of all families can tell from the text around it; OpenAI takes less. */
const ToolName = z
  .string()
  .regex(/^[\w./:-]{1,128}$/, 'must have 1 to 128 letters, digits or _ - . / :');

export const Tool = z.looseObject({
  type: FUNCTION,
  function: z.looseObject({
    name: ToolName,
    description: optional(z.string()),
    parameters: optional(z.record(z.string(), z.unknown())),
  }),
});
export type Tool = z.infer<typeof Tool>;

const ToolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.looseObject({ type: FUNCTION, function: z.looseObject({ name: z.string() }) }),
  ],
  'must be "none", "auto", "required" or {"type": "function", "function": {"name": …}}',
);
export type ToolChoice = z.infer<typeof ToolChoice>;

const ResponseFormat = z
  .looseObject({
    type: z.enum(['text', 'json_object', 'json_schema']),
    json_schema: optional(z.looseObject({ schema: z.unknown() })),
  })
  .refine(({ type, json_schema }) => type !== 'json_schema' || json_schema !== undefined, {
    path: ['json_schema'],
    message: 'must hold the schema',
  })
  .refine((format) => !Object.hasOwn(format, 'schema'), {
    path: ['schema'],
    message: 'is not read: the schema stands in "json_schema": {"schema": …} of type "json_schema"',
  });
export type ResponseFormat = z.infer<typeof ResponseFormat>;

/** What sampling and length read; the same on both routes. */
export const SamplingBody = z.looseObject({
  max_tokens: optional(z.int().min(1)),
  max_completion_tokens: optional(z.int().min(1)),
  temperature: optional(z.number().min(0).max(100)),
  top_p: optional(z.number().min(0).max(1)),
  top_k: optional(z.int().min(-1)),
  min_p: optional(z.number().min(0).max(1)),
  seed: optional(z.int()),
  frequency_penalty: optional(z.number().min(-2).max(2)),
  presence_penalty: optional(z.number().min(-2).max(2)),
  repeat_penalty: optional(z.number().min(0.01).max(10)),
  repetition_penalty: optional(z.number().min(0.01).max(10)),
  logit_bias: optional(
    z.record(z.string().regex(/^\d+$/, 'keys must be token ids'), z.number().min(-100).max(100)),
  ),
  stop: optional(
    z.union([z.string(), z.array(z.string()).max(64)], 'must be a text or a list of up to 64'),
  ),
  ignore_eos: optional(z.boolean()),
  n: optional(z.int().min(1)),
});
export type SamplingBody = z.infer<typeof SamplingBody>;

export const ChatBody = SamplingBody.extend({
  messages: z.array(ChatMessage).min(1),
  tools: optional(z.array(Tool)),
  tool_choice: optional(ToolChoice),
  parallel_tool_calls: optional(z.boolean()),
  response_format: optional(ResponseFormat),
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.int().min(0).max(20)),
  chat_template_kwargs: optional(z.record(z.string(), z.unknown())),
  enable_thinking: optional(z.boolean()),
  reasoning_effort: optional(z.string()),
  functions: optional(z.array(Tool.shape.function)),
  function_call: optional(
    z.union(
      [z.enum(['none', 'auto']), z.looseObject({ name: z.string() })],
      'must be "none", "auto" or {"name": …}',
    ),
  ),
});
export type ChatBody = z.infer<typeof ChatBody>;

export const CompletionsBody = SamplingBody.extend({
  prompt: z.union(
    [
      z.string(),
      z.array(z.string()).min(1),
      z.array(z.int().min(0)).min(1),
      z.array(z.array(z.int().min(0)).min(1)).min(1),
    ],
    'must be a text or a list of tokens',
  ),
  logprobs: optional(z.int().min(0).max(20)),
  echo: optional(z.boolean()),
  suffix: optional(z.string()),
  best_of: optional(z.int()),
});
export type CompletionsBody = z.infer<typeof CompletionsBody>;

/**
 * `body` read by `schema`.
 *
 * @throws CortexError `invalid_request` with the path of the first wrong field as `param`.
 */
export function readBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body, { error: describeMissing });
  if (result.success) return result.data;
  const issue = deepest(result.error.issues);
  const param = formatPath(issue?.path ?? []);
  throw new CortexError(
    'invalid_request',
    `${param === '' ? 'The body' : `"${param}"`}: ${issue?.message ?? 'is not valid'}.`,
    {
      ...(param !== '' && { param }),
    },
  );
}

/** zod's own words for it are "expected string, received undefined". */
const describeMissing = ({ code, input }: z.core.$ZodRawIssue): string | undefined =>
  code === 'invalid_type' && input === undefined ? 'is missing' : undefined;

/** Of a union, the issue of the branch that got furthest: what the caller most likely meant. */
function deepest(
  issues: readonly z.core.$ZodIssue[],
): { path: PropertyKey[]; message: string } | undefined {
  const [first] = issues;
  if (first?.code !== 'invalid_union') return first;
  const inner = first.errors
    .map((branch) => deepest(branch))
    .filter((issue) => issue !== undefined && issue.path.length > 0)
    .toSorted((a, b) => (b?.path.length ?? 0) - (a?.path.length ?? 0))[0];
  if (inner === undefined) return first;
  return { path: [...first.path, ...inner.path], message: inner.message };
}

/** `['messages', 0, 'role']` → `messages[0].role`. */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number'
        ? `${text}[${key}]`
        : text === ''
          ? String(key)
          : `${text}.${String(key)}`,
    '',
  );
}
