/** The entries of `GET /v1/models` (contracts, section 1). */
import { z } from 'zod';

const Limit = z.looseObject({
  context: z.int(),
  input: z.int().optional(),
  output: z.int(),
});

/** An entry of `GET /v1/models`. Unknown values are absent, never 0. */
export const ListedModel = z.looseObject({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  /** At least one replica serves. */
  loaded: z.boolean(),
  status: z.looseObject({
    /** The best state of its replicas. */
    value: z.string(),
    /** 0 to 1, of the load or pull that `value` names. */
    progress: z.number().optional(),
  }),
  locations: z.array(
    z.looseObject({ node: z.string(), status: z.string(), vram_mb: z.number().optional() }),
  ),
  feasible_on: z.array(z.string()),
  capabilities: z.array(z.string()),
  /** Tokens. */
  limit: Limit.optional(),
  max_model_len: z.int().optional(),
  context_length: z.int().optional(),
  max_context_length: z.int().optional(),
  context_window: z.int().optional(),
  max_output_tokens: z.int().optional(),
  meta: z.looseObject({ n_ctx: z.int(), n_ctx_train: z.int().optional() }).optional(),
  /** Such as `Q4_K_M`. */
  quantization: z.string().optional(),
  /** Of its file; the largest where nodes have different ones. */
  size_bytes: z.int().optional(),
  /** When that file changed last, as in RFC 3339. */
  modified_at: z.string().optional(),
  cost: z.looseObject({ input: z.number(), output: z.number() }).optional(),
  aliases: z.array(z.string()).optional(),
  /** The id of the model that this name stands for, if it stands for another. */
  root: z.string().optional(),
  /** Why no node can serve it, when none can. */
  reason: z.string().optional(),
});
export type ListedModel = z.infer<typeof ListedModel>;

export const ModelList = z.looseObject({
  object: z.literal('list'),
  data: z.array(ListedModel),
});
export type ModelList = z.infer<typeof ModelList>;

type LimitFields = Pick<
  ListedModel,
  | 'limit'
  | 'max_model_len'
  | 'context_length'
  | 'max_context_length'
  | 'context_window'
  | 'max_output_tokens'
  | 'meta'
>;

/**
 * The limit of a model under every name that clients read: Cline, opencode, Android Studio and tools for vLLM
 * (`max_model_len`, `context_length`, `max_context_length`, `context_window`, `max_output_tokens`), Open WebUI
 * (`meta`).
 */
export function limitFields(limit: ListedModel['limit']): LimitFields {
  if (limit === undefined) return {};
  const { context, output } = limit;
  return {
    limit,
    max_model_len: context,
    context_length: context,
    max_context_length: context,
    context_window: context,
    max_output_tokens: output,
    meta: { n_ctx: context },
  };
}
