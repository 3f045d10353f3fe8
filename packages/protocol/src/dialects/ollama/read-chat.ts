import { z } from 'zod';

import { CortexError } from '../../errors.ts';
import { type JsonObject, JsonObjectShape } from '../../json/json-object.ts';
import { readShape } from '../../read-shape.ts';
import type { ChatRequest, Tool } from '../neutral/conversation.ts';
import { toChatBody } from '../neutral/to-chat-body.ts';
import {
  COMMON_FIELDS,
  nodeBody,
  type OllamaRequest,
  readFormat,
  readModelName,
  readThinking,
  refuseLogprobs,
  withoutPrompt,
} from './ollama-request.ts';
import { toNodeOptions } from './options.ts';
import { Message, readTurns } from './read-turns.ts';

const ToolShape = z.looseObject({
  function: z.looseObject({
    name: z.string(),
    description: z.string().nullish(),
    parameters: JsonObjectShape.nullish(),
  }),
});

const ChatShape = z.looseObject({
  ...COMMON_FIELDS,
  messages: z.array(Message).nullish(),
  tools: z.array(ToolShape).nullish(),
});

const toTool = ({
  function: { name, description, parameters },
}: z.infer<typeof ToolShape>): Tool => ({
  name,
  description: description ?? undefined,
  parameters: parameters ?? { type: 'object', properties: {} },
});

/** A conversation as a body for a node. Options that only some APIs have are added to those that all have. */
export function toOllamaChat(
  conversation: Pick<ChatRequest, 'turns' | 'tools'>,
  fields: Pick<z.infer<typeof ChatShape>, 'model' | 'stream' | 'format' | 'options' | 'think'>,
): OllamaRequest {
  const stream = fields.stream ?? true;
  const format = readFormat(fields.format);
  const { others, ...options } = toNodeOptions(fields.options);
  const request: ChatRequest = {
    ...conversation,
    ...options,
    ...readThinking(fields.think),
    answerSchema: format === 'json' ? undefined : format,
  };
  const anyObject: JsonObject =
    format === 'json' ? { response_format: { type: 'json_object' } } : {};
  return {
    kind: 'answer',
    model: readModelName(fields.model),
    stream,
    route: 'chat',
    body: nodeBody((model) => ({
      ...toChatBody(request, { model, stream }),
      ...others,
      ...anyObject,
    })),
  };
}

/**
 * A body of `POST /api/chat`.
 *
 * @throws CortexError `invalid_request` naming the wrong field, `unsupported_parameter` for `logprobs`
 */
export function readOllamaChat(body: unknown): OllamaRequest {
  const chat = readShape(ChatShape, body);
  const messages = chat.messages ?? [];
  if (messages.length === 0) return withoutPrompt(chat);
  refuseLogprobs(chat);
  const tools = (chat.tools ?? []).map(toTool);
  const nameless = tools.findIndex(({ name }) => name === '');
  if (nameless !== -1) {
    const param = `tools[${nameless}].function.name`;
    throw new CortexError('invalid_request', `"${param}" must not be empty.`, { param });
  }
  return toOllamaChat({ turns: readTurns(messages), tools }, chat);
}
