import { z } from 'zod';

import type { JsonObject } from '../../json/json-object.ts';
import { readModelField } from '../../model-field.ts';
import { readShape } from '../../read-shape.ts';
import type { ChatRequest, Tool } from '../neutral/conversation.ts';
import { affinityTexts } from '../neutral/affinity-texts.ts';
import { ExactObject } from '../neutral/exact-json.ts';
import { nodeBody } from '../neutral/node-body.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { toChatBody } from '../neutral/to-chat-body.ts';
import {
  COMMON_FIELDS,
  type OllamaRequest,
  readFormat,
  readThinking,
  withoutPrompt,
} from './ollama-request.ts';
import { toNodeOptions } from './options.ts';
import { Message, readTurns } from './read-turns.ts';

const ToolShape = z.looseObject({
  function: z.looseObject({
    name: z.string(),
    description: z.string().nullish(),
    parameters: ExactObject.nullish(),
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
    model: readModelField(fields.model),
    stream,
    route: 'chat',
    body: nodeBody((model) => ({
      ...toChatBody(request, { model, stream }),
      ...others,
      ...anyObject,
    })),
    affinityTexts: () => affinityTexts(request.turns),
  };
}

/**
 * A body of `POST /api/chat`.
 *
 * @throws CortexError `invalid_request` naming the wrong field
 */
export function readOllamaChat(body: unknown): OllamaRequest {
  const chat = readShape(ChatShape, body);
  const messages = chat.messages ?? [];
  if (messages.length === 0) return withoutPrompt(chat);
  const tools = (chat.tools ?? []).map(toTool);
  const nameless = tools.findIndex(({ name }) => name === '');
  if (nameless !== -1) throw refuseField(`tools[${nameless}].function.name`, 'must not be empty');
  return toOllamaChat({ turns: readTurns(messages), tools }, chat);
}
