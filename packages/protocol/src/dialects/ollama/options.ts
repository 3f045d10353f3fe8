/** The `options` of a request. */
import { z } from 'zod';

import { exactInt, exactInt64, exactNumber } from '../neutral/exact-json.ts';

const number = exactNumber.nullish();
const whole = exactInt.nullish();

/**
 * What the nodes know. Other options are tolerated without effect: how a model is loaded (`num_ctx`, `num_gpu`, …) is the
 * operator's decision, and the samplers that Ollama itself has given up (`mirostat`, `tfs_z`, …) are still sent by clients.
 */
export const Options = z
  .looseObject({
    temperature: number,
    top_p: number,
    top_k: number,
    min_p: number,
    num_predict: whole,
    stop: z.union([z.string(), z.array(z.string())]).nullish(),
    seed: exactInt64.nullish(),
    repeat_penalty: number,
    presence_penalty: number,
    frequency_penalty: number,
  })
  .nullish();
type Options = z.infer<typeof Options>;

/** Options as fields of a request for a node. Undefined members are left to the model. */
export interface NodeOptions {
  /** Undefined: no limit. */
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly topK: number | undefined;
  readonly stop: readonly string[];
  /** Those that only some APIs have, by the names of the node's fields. */
  readonly others: {
    readonly min_p: number | undefined;
    /** A number, or what `exactInt64` has for one of 64 bits. */
    readonly seed: unknown;
    readonly repeat_penalty: number | undefined;
    readonly presence_penalty: number | undefined;
    readonly frequency_penalty: number | undefined;
  };
}

export function toNodeOptions(options: Options): NodeOptions {
  const { num_predict: limit, ...given } = options ?? {};
  return {
    // -1 and -2 are "no limit" and "until the context is full", and 0 is neither.
    maxTokens: typeof limit === 'number' && limit > 0 ? limit : undefined,
    temperature: given.temperature ?? undefined,
    topP: given.top_p ?? undefined,
    topK: given.top_k ?? undefined,
    stop: [given.stop ?? []].flat(),
    others: {
      min_p: given.min_p ?? undefined,
      seed: given.seed ?? undefined,
      repeat_penalty: given.repeat_penalty ?? undefined,
      presence_penalty: given.presence_penalty ?? undefined,
      frequency_penalty: given.frequency_penalty ?? undefined,
    },
  };
}
