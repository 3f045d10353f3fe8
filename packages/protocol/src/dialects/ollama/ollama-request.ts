/** What `/api/chat` and `/api/generate` have in common. */
import { z } from 'zod';

import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { readModelField } from '../../model-field.ts';
import type { ChatRequest } from '../neutral/conversation.ts';
import { ExactObject, exactNumber } from '../neutral/exact-json.ts';
import type { NodeBody } from '../neutral/node-body.ts';
import { Options } from './options.ts';

/** The route of a node that answers a request. */
export type NodeRoute = 'chat' | 'completions';

/** A request of a client, ready for a node. */
export type OllamaRequest =
  | {
      readonly kind: 'answer';
      /** As the client wrote it; undefined: the client named none. */
      readonly model: string | undefined;
      readonly stream: boolean;
      readonly route: NodeRoute;
      readonly body: NodeBody;
      /** Texts that identify the conversation (behaviour 40). */
      readonly affinityTexts: () => readonly Uint8Array[] | undefined;
    }
  /**
   * No prompt. `load`: the answer waits until the model is loaded. `unload`: the client wants the memory back; it is
   * answered at once, and nothing happens, because other clients use the model too.
   */
  | {
      readonly kind: 'load' | 'unload';
      readonly model: string | undefined;
      readonly stream: boolean;
    };

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

/** Fields of both routes. */
export const COMMON_FIELDS = {
  model: z.string().nullish(),
  /** Default true. */
  stream: z.boolean().nullish(),
  format: z
    .union([z.literal(['', 'json']), ExactObject], 'must be "json" or a JSON schema')
    .nullish(),
  options: Options,
  think: z
    .union(
      [z.boolean(), z.literal(['', ...EFFORTS])],
      `must be true, false or one of ${EFFORTS.join(', ')}`,
    )
    .nullish(),
  keep_alive: z.union([exactNumber, z.string()]).nullish(),
  logprobs: z.boolean().nullish(),
} as const;

type CommonFields = {
  readonly [K in keyof typeof COMMON_FIELDS]?: z.infer<(typeof COMMON_FIELDS)[K]>;
};

/** A request without a prompt. `keep_alive` 0 asks to unload the model. */
export function withoutPrompt({
  model,
  stream,
  keep_alive: keepAlive,
}: CommonFields): OllamaRequest {
  const isUnload =
    keepAlive === 0 || (typeof keepAlive === 'string' && /^0+(?:\.0*)?[a-z]*$/.test(keepAlive));
  return {
    kind: isUnload ? 'unload' : 'load',
    model: readModelField(model),
    stream: stream ?? true,
  };
}

/** Whether and how hard the model thinks. */
export function readThinking(think: CommonFields['think']): Pick<ChatRequest, 'thinks' | 'effort'> {
  if (typeof think === 'boolean') return { thinks: think };
  return typeof think === 'string' && think !== '' ? { effort: think } : {};
}

/** The form of the answer: a schema, any JSON object, or undefined for text. */
export function readFormat(format: CommonFields['format']): JsonObject | 'json' | undefined {
  return isJsonObject(format) || format === 'json' ? format : undefined;
}
