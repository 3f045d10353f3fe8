import { z } from 'zod';

import type { JsonObject } from '../../json/json-object.ts';
import { readShape } from '../../read-shape.ts';
import type { ChatRequest } from '../neutral/conversation.ts';
import { ExactObject, exactInt, exactIntFrom, exactNumber } from '../neutral/exact-json.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { unsupported } from './read-fields.ts';
import { readTurns } from './read-items.ts';
import { readToolChoice } from './read-tool-choice.ts';
import { readTools, type ReadTools } from './read-tools.ts';

/** What is read of a body beside its conversation and tools. All else is tolerated. */
const Body = z.looseObject({
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  max_output_tokens: exactIntFrom(1).nullish(),
  temperature: exactNumber.nullish(),
  top_p: exactNumber.nullish(),
  top_k: exactInt.nullish(),
  thinking_budget_tokens: exactIntFrom(0).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning: z
    .looseObject({
      effort: z.string().nullish(),
      summary: z.string().nullish(),
      generate_summary: z.string().nullish(),
    })
    .nullish(),
  text: z
    .looseObject({
      format: z.looseObject({ type: z.string(), schema: ExactObject.optional() }).nullish(),
    })
    .nullish(),
  include: z.array(z.string()).nullish(),
  prompt_cache_key: z.string().nullish(),
  user: z.string().nullish(),
});
type Body = z.infer<typeof Body>;

/** A request as it was read. */
export interface ReadRequest {
  readonly chat: ChatRequest;
  readonly isStream: boolean;
  readonly read: ReadTools;
  /** The body, which the answer repeats in part. */
  readonly body: JsonObject;
  /** Thoughts are sent as a summary, for clients that ask for one. */
  readonly hasSummary: boolean;
  readonly hasPackedThoughts: boolean;
}

/** Any object: `json_object` has no schema of its own. */
const ANY_OBJECT = { type: 'object' };

function answerSchema({ text }: Body): JsonObject | undefined {
  const format = text?.format;
  switch (format?.type) {
    case undefined:
    case 'text':
      return undefined;
    case 'json_object':
      return ANY_OBJECT;
    case 'json_schema':
      if (format.schema !== undefined) return format.schema;
      throw refuseField('text.format.schema', 'is missing');
    default:
      throw unsupported(
        'text.format.type',
        `"text.format.type" is "${format?.type}", which is not supported. Use "text", "json_schema" or "json_object".`,
      );
  }
}

/** Null and a missing member mean the same. */
const given = <T>(value: T | null | undefined): T | undefined => value ?? undefined;

/**
 * Reads the body of `POST /v1/responses`, parsed by `parseBody`.
 *
 * @throws CortexError `invalid_request` or `unsupported_parameter`, with `param`
 */
export function readRequest(json: JsonObject): ReadRequest {
  const body = readShape(Body, json);
  const { reasoning } = body;
  const read = readTools(json['tools']);
  const { tools, toolChoice } = readToolChoice(json['tool_choice'], read);
  const chat: ChatRequest = {
    turns: readTurns({ instructions: body.instructions ?? '', input: json['input'] }, read.names),
    tools,
    toolChoice,
    parallelToolCalls: given(body.parallel_tool_calls),
    maxTokens: given(body.max_output_tokens),
    temperature: given(body.temperature),
    topP: given(body.top_p),
    topK: given(body.top_k),
    stop: [],
    effort: given(reasoning?.effort),
    thinkingBudget: given(body.thinking_budget_tokens),
    answerSchema: answerSchema(body),
    user: given(body.prompt_cache_key) ?? given(body.user),
  };
  const summary = given(reasoning?.summary) ?? given(reasoning?.generate_summary) ?? 'none';
  return {
    chat,
    isStream: body.stream ?? false,
    read,
    body: json,
    hasSummary: summary !== 'none',
    hasPackedThoughts: body.include?.includes('reasoning.encrypted_content') ?? false,
  };
}
