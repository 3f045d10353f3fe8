/** `/v1/messages/count_tokens`, which a node answers on `/count-tokens`. */
import { z } from 'zod';

import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { toChatBody } from '../neutral/to-chat-body.ts';
import type { MessagesRequest } from './read-request.ts';

/** The parts of the request that make the prompt. */
export function toCountBody({ chat }: MessagesRequest, model: string): JsonObject {
  const { turns, tools, toolChoice, parallelToolCalls, continuesLast } = chat;
  const { thinks, effort, thinkingBudget } = chat;
  const prompt = { turns, tools, toolChoice, parallelToolCalls, continuesLast };
  return toChatBody(
    { ...prompt, thinks, effort, thinkingBudget, stop: [] },
    { model, stream: false },
  );
}

const CountAnswer = z.looseObject({ input_tokens: z.int().min(0) });

/** The answer for the client. @throws CortexError `node_protocol_error` if the node's answer is not a count */
export function readCountAnswer(answer: unknown): { readonly input_tokens: number } {
  const { data } = CountAnswer.safeParse(answer);
  if (data !== undefined) return { input_tokens: data.input_tokens };
  throw new CortexError(
    'node_protocol_error',
    'The node answered without a number of tokens on /count-tokens.',
  );
}
