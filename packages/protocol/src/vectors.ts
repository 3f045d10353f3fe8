/**
 * The answers of the routes for vectors and tokens (contracts, section 1): OpenAI's shape for embeddings, Jina's
 * and Cohere's for ranking, llama-server's and vLLM's for tokens.
 *
 * Loose, because other servers and newer versions add fields; nothing here is used to forward a request.
 */
import { z } from 'zod';

const PromptUsage = z.looseObject({ prompt_tokens: z.int(), total_tokens: z.int() });

/** An answer of `/v1/embeddings`. A vector is a list of numbers, or base64 of 32-bit floats, little-endian. */
export const EmbeddingList = z.looseObject({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(
    z.looseObject({
      object: z.literal('embedding'),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.base64()]),
    }),
  ),
  usage: PromptUsage,
});
export type EmbeddingList = z.infer<typeof EmbeddingList>;

/** An answer of `/v1/rerank`: best first; `index` is the position in the request. */
export const RerankAnswer = z.looseObject({
  model: z.string(),
  results: z.array(
    z.looseObject({
      index: z.int(),
      /** 0 to 1. */
      relevance_score: z.number(),
      document: z.looseObject({ text: z.string() }).optional(),
    }),
  ),
  usage: PromptUsage,
});
export type RerankAnswer = z.infer<typeof RerankAnswer>;

/** An answer of `/tokenize`. With `with_pieces` each token has its text. */
export const TokenizeAnswer = z.looseObject({
  tokens: z.union([z.array(z.int()), z.array(z.looseObject({ id: z.int(), piece: z.string() }))]),
  count: z.int(),
  /** Tokens per slot; absent when unknown. */
  max_model_len: z.int().optional(),
});
export type TokenizeAnswer = z.infer<typeof TokenizeAnswer>;

/** An answer of `/detokenize`, under the field names of both families of clients. */
export const DetokenizeAnswer = z.looseObject({ content: z.string(), prompt: z.string() });
export type DetokenizeAnswer = z.infer<typeof DetokenizeAnswer>;
