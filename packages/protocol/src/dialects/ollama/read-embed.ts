import { z } from 'zod';

import { readModelField } from '../../model-field.ts';
import { readShape } from '../../read-shape.ts';
import { exactInt } from '../neutral/exact-json.ts';
import { type NodeBody, nodeBody } from '../neutral/node-body.ts';

/** A request for vectors. */
export interface OllamaEmbedRequest {
  /** As the client wrote it; undefined: the client named none. */
  readonly model: string | undefined;
  /** For `/v1/embeddings` of a node; undefined: there is nothing to embed, and the model is only loaded. */
  readonly body: NodeBody | undefined;
}

/**
 * `truncate` is tolerated: input that is longer than the context is refused, which is what `false` asks for. `options`
 * and `keep_alive` have no effect on vectors.
 */
const EmbedShape = z.looseObject({
  model: z.string().nullish(),
  input: z
    .union([z.string(), z.array(z.string())], 'must be a string or a list of strings')
    .nullish(),
  dimensions: exactInt.nullish(),
});

/** The older route. */
const EmbeddingsShape = z.looseObject({
  model: z.string().nullish(),
  prompt: z.string().nullish(),
});

const embeddingBody = (input: readonly string[], dimensions: number | undefined): NodeBody =>
  nodeBody((model) => ({ model, input, dimensions, encoding_format: 'float' }));

/** A body of `POST /api/embed`. @throws CortexError `invalid_request` naming the wrong field */
export function readOllamaEmbed(body: unknown): OllamaEmbedRequest {
  const { model, input, dimensions } = readShape(EmbedShape, body);
  const texts = typeof input === 'string' ? [input].filter((text) => text !== '') : (input ?? []);
  return {
    model: readModelField(model),
    // 0 is what clients with fixed fields send for "as the model has it".
    body: texts.length === 0 ? undefined : embeddingBody(texts, dimensions || undefined),
  };
}

/** A body of `POST /api/embeddings`. @throws CortexError `invalid_request` naming the wrong field */
export function readOllamaEmbeddings(body: unknown): OllamaEmbedRequest {
  const { model, prompt } = readShape(EmbeddingsShape, body);
  return {
    model: readModelField(model),
    body: prompt ? embeddingBody([prompt], undefined) : undefined,
  };
}
