/** The shape of a Messages request, loose where clients differ or newer versions add. */
import { z } from 'zod';

import { ExactObject, exactInt, exactIntFrom, exactNumber } from '../neutral/exact-json.ts';

/** Clients send `null` for an absent field. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

const text = z.string('must be a string');
const flag = z.boolean('must be true or false');
const count = exactIntFrom(0);

/** A string in a list of blocks is a text block. */
export const Block = z.preprocess(
  (block) => (typeof block === 'string' ? { type: 'text', text: block } : block),
  z.looseObject({ type: text }, 'must be an object with "type"'),
);
export type Block = z.infer<typeof Block>;

/** As a list: a string is one text block, nothing is none. */
export const Content = z
  .union([z.string(), z.array(Block)], 'must be a string or a list of content blocks')
  .nullish()
  .transform((content): readonly Block[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []),
  );

const Message = z.looseObject(
  {
    role: z.enum(['user', 'assistant', 'system'], 'must be "user", "assistant" or "system"'),
    content: Content,
  },
  'must be an object with "role" and "content"',
);
export type Message = z.infer<typeof Message>;

/** A tool of any kind; those of Anthropic's servers have another `type` than `custom`, and no schema. */
const Tool = z.looseObject(
  {
    type: optional(text),
    name: optional(text),
    /** Of a `mcp_toolset`. */
    mcp_server_name: optional(text),
    description: optional(text),
    input_schema: optional(ExactObject),
    input_examples: optional(z.array(z.unknown(), 'must be a list')),
    strict: optional(flag),
  },
  'must be an object',
);
export type Tool = z.infer<typeof Tool>;

/** Some clients send the type alone. */
const ToolChoice = z.preprocess(
  (choice) => (typeof choice === 'string' ? { type: choice } : choice),
  z.looseObject(
    {
      type: z.enum(['auto', 'any', 'tool', 'none'], 'must be "auto", "any", "tool" or "none"'),
      name: optional(text),
      disable_parallel_tool_use: optional(flag),
    },
    'must be an object with "type"',
  ),
);
export type ToolChoice = z.infer<typeof ToolChoice>;

const Thinking = z.looseObject(
  { type: text, budget_tokens: optional(count) },
  'must be an object with "type"',
);
export type Thinking = z.infer<typeof Thinking>;

const Format = z.looseObject(
  { type: text, schema: optional(ExactObject) },
  'must be an object with "type" and "schema"',
);
export type Format = z.infer<typeof Format>;

export const MessagesBody = z.looseObject(
  {
    system: Content,
    messages: z.array(Message, 'must be a list of messages').min(1, 'must not be empty'),
    max_tokens: optional(count),
    stream: optional(flag),
    temperature: optional(exactNumber),
    top_p: optional(exactNumber),
    top_k: optional(exactInt),
    stop_sequences: optional(z.array(text, 'must be a list of strings')),
    thinking: optional(Thinking),
    output_config: optional(
      z.looseObject(
        { effort: z.unknown().optional(), format: optional(Format) },
        'must be an object',
      ),
    ),
    output_format: optional(Format),
    tools: optional(z.array(Tool, 'must be a list of tools')),
    tool_choice: optional(ToolChoice),
    mcp_servers: optional(
      z.array(z.looseObject({ name: text }, 'must be an object'), 'must be a list of servers'),
    ),
    thread: z.unknown().optional(),
    metadata: optional(z.looseObject({ user_id: z.unknown().optional() }, 'must be an object')),
  },
  'must be a JSON object',
);
export type MessagesBody = z.infer<typeof MessagesBody>;
