import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  f32Tensor,
  flag,
  type GgufFile,
  type GgufTensor,
  type GgufValue,
  text,
  texts,
  u32,
} from './gguf-file.ts';
import { tinyBert } from './tiny-bert.ts';
import { writeGguf } from './write-gguf.ts';

/** A BERT for embeddings: texts with more common words are closer. */
export const embeddingModel = (name = 'tiny-embedding'): GgufFile =>
  tinyBert({ name, pooling: 'mean', contextTokens: 512, layerScale: 0.01 });

/** A BERT for reranking: deterministic scores that depend on query and document, without meaning. */
export const rankModel = (): GgufFile =>
  tinyBert({ name: 'tiny-rank', pooling: 'rank', contextTokens: 512, layerScale: 0.3 });

/** A generator of the Qwen3 family as an embedding model like Qwen3-Embedding: it uses the vector of the last token. */
export const asEmbeddingModel = (generator: GgufFile, name = 'Qwen3 Embedding'): GgufFile =>
  changed(generator, {
    'general.name': text(name),
    'qwen3.pooling_type': u32(3),
    'tokenizer.ggml.add_eos_token': flag(true),
  });

/** A generator of the Qwen3 family as a reranker like Qwen3-Reranker, with a head of fixed weights. */
export function asRankModel(generator: GgufFile): GgufFile {
  const size = Number(scalarOf(generator.metadata.get('qwen3.embedding_length')));
  const weights = Float32Array.from({ length: size * 2 }, (_, index) => Math.sin(index) / 4);
  const head: GgufTensor = f32Tensor('cls.output.weight', [size, 2], weights);
  const template =
    '<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n';
  return changed(
    { ...generator, tensors: [...generator.tensors, head] },
    {
      'general.name': text('Qwen3 Reranker'),
      'qwen3.pooling_type': u32(4),
      'qwen3.classifier.output_labels': texts(['yes', 'no']),
      'tokenizer.chat_template.rerank': text(template),
    },
  );
}

/** Writes `file` as `name` into `folder`; returns its path. */
export function writeModel(file: GgufFile, folder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, writeGguf(file));
  return path;
}

/** `file` with entries of its metadata replaced or added. */
export function changed(file: GgufFile, entries: Readonly<Record<string, GgufValue>>): GgufFile {
  return { ...file, metadata: new Map([...file.metadata, ...Object.entries(entries)]) };
}

function scalarOf(value: GgufValue | undefined): unknown {
  return value === undefined || value.type === 'array' ? undefined : value.value;
}
