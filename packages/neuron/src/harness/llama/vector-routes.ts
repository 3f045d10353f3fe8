/** `/v1/embeddings` in OpenAI's shape, `/v1/rerank` in Jina's and Cohere's. */
import { checkFields, type FieldRoute } from '@cortex/engine';
import { NEURON_HEADERS, type NeuronUsage } from '@cortex/protocol';
import { z } from 'zod';

import { parseBody } from '../../json-body.ts';
import type { VectorRoute } from '../harness.ts';
import { type CallOptions, callEngine } from './engine-calls.ts';

/** OpenAI's limit for one request. */
const MAX_INPUTS = 2048;

const Text = z.string().min(1, 'must not be empty');
const Tokens = z.array(z.int().min(0)).min(1, 'must not be empty');
const several = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .min(1, 'must not be empty')
    .max(MAX_INPUTS, `has more than ${MAX_INPUTS} entries: send the rest in another request`);

const Input = z.union([Text, Tokens, several(Text), several(Tokens)], {
  error: `must be a string, a list of tokens, or a list of up to ${MAX_INPUTS} of either; none may be empty`,
});

const EmbeddingsBody = z.looseObject({
  input: Input,
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).nullish(),
});

const RerankBody = z.looseObject({
  query: Text,
  documents: several(z.union([z.string(), z.looseObject({ text: z.string() })])),
  top_n: z.int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
});

function toInputs(input: z.infer<typeof Input>): (string | readonly number[])[] {
  if (typeof input === 'string') return [input];
  const tokens = input.filter((item) => typeof item === 'number');
  return tokens.length > 0 ? [tokens] : input.filter((item) => typeof item !== 'number');
}

/** Little-endian float32, as OpenAI's clients decode it. */
function toBase64(vector: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, index) => view.setFloat32(index * 4, value, true));
  return Buffer.from(view.buffer).toString('base64');
}

function answer(body: object, promptTokens: number, tookMs: number): Response {
  const usage: NeuronUsage = {
    prompt_tokens: promptTokens,
    completion_tokens: 0,
    cached_tokens: 0,
    reasoning_tokens: 0,
    queue_ms: 0,
    prompt_ms: Math.round(tookMs * 10) / 10,
    decode_ms: 0,
    estimated: false,
  };
  return Response.json(
    { ...body, usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } },
    {
      headers: {
        [NEURON_HEADERS.promptTokens]: String(promptTokens),
        [NEURON_HEADERS.usage]: JSON.stringify(usage),
      },
    },
  );
}

async function embeddings(options: CallOptions): Promise<Response> {
  const { request, signal, modelId } = options;
  const body = readVectorBody(options, 'embeddings', EmbeddingsBody);
  const { value, tookMs } = await callEngine(options, (engine) =>
    engine.embed(
      {
        inputs: toInputs(body.input),
        principal: request.principal,
        ...(typeof body.dimensions === 'number' && { dimensions: body.dimensions }),
      },
      signal,
    ),
  );
  const isPacked = body.encoding_format === 'base64';
  const data = value.vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: isPacked ? toBase64(vector) : vector,
  }));
  return answer({ object: 'list', data, model: modelId }, value.promptTokens, tookMs);
}

async function rerank(options: CallOptions): Promise<Response> {
  const { request, signal, modelId } = options;
  const body = readVectorBody(options, 'rerank', RerankBody);
  const documents = body.documents.map((document) =>
    typeof document === 'string' ? document : document.text,
  );
  const { value, tookMs } = await callEngine(options, (engine) =>
    engine.rerank({ query: body.query, documents, principal: request.principal }, signal),
  );
  const results = value.scores
    .map((score, index) => ({
      index,
      relevance_score: score,
      ...(body.return_documents === true && { document: { text: documents[index] } }),
    }))
    // Equal scores keep the caller's order.
    .sort((a, b) => b.relevance_score - a.relevance_score || a.index - b.index)
    .slice(0, body.top_n ?? documents.length);
  return answer({ object: 'list', model: modelId, results }, value.promptTokens, tookMs);
}

/** An invalid body costs no work, so its seat is released at once. */
function readVectorBody<T>({ request }: CallOptions, route: FieldRoute, schema: z.ZodType<T>): T {
  try {
    checkFields(request.body, route);
    return parseBody(request.body, schema);
  } catch (error) {
    request.ended({ kind: 'refused' });
    throw error;
  }
}

const ROUTES = {
  '/v1/embeddings': embeddings,
  '/v1/rerank': rerank,
} as const satisfies Record<VectorRoute, (options: CallOptions) => Promise<Response>>;

/**
 * Answers a route that returns vectors or scores.
 *
 * @throws CortexError naming the invalid member of the body; `wrong_modality` if the model has none
 */
export const serveVectors = (route: VectorRoute, options: CallOptions): Promise<Response> =>
  ROUTES[route](options);
