import { fileURLToPath } from 'node:url';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineEvent, StepItem } from '../src/engine/generate.ts';
import type { EngineLoadSpec } from '../src/engine/load.ts';
import { type Model, openLibrary } from '../src/llama/binding.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';

export const TINY_MODEL = fileURLToPath(
  new URL('../../../models/cortex-tiny.gguf', import.meta.url),
);

export const TINY_SPEC: EngineLoadSpec = {
  modelId: 'cortex-tiny',
  modelPath: TINY_MODEL,
  backend: 'cpu',
  contextLength: 1024,
  slots: 2,
  gpuLayers: 0,
  kvType: 'f16',
  threads: 1,
  prefillChunkTokens: 64,
  isBatchInvariant: true,
  promptCacheMib: 0,
  params: {},
  vocabOnly: false,
  lora: [],
};

// Kept open, so that the engines of all tests share it: opening the library takes 0.2 s.
await openLibrary({ backend: 'cpu', threads: 1, log: () => undefined });

/** A llama engine with cortex-tiny loaded. */
export async function loadTiny(overrides: Partial<EngineLoadSpec> = {}): Promise<Engine> {
  const engine = createLlamaEngine();
  await engine.load({ ...TINY_SPEC, ...overrides }, () => undefined, new AbortController().signal);
  return engine;
}

/** Only the vocabulary of a model file. The caller has to dispose of it. */
export async function openVocabulary(path: string = TINY_MODEL): Promise<Model> {
  const library = await openLibrary({ backend: 'cpu', threads: 1, log: () => undefined });
  return library.loadModel({
    path,
    gpuLayers: 0,
    vocabOnly: true,
    loadMode: 'read',
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}

export interface Answered {
  readonly text: string;
  readonly items: readonly StepItem[];
  readonly last: Extract<EngineEvent, { type: 'done' | 'error' }>;
}

let requests = 0;

/** Sends one request and returns the whole answer. */
export async function answer(
  engine: Engine,
  body: Readonly<Record<string, unknown>>,
  route: 'chat' | 'completions' = 'chat',
): Promise<Answered> {
  const id = `r${requests++}`;
  const items: StepItem[] = [];
  const request = { id, route, body, principal: 'test', requestId: id };
  for await (const event of engine.generate(request, new AbortController().signal)) {
    if (event.type === 'items') items.push(...event.items);
    if (event.type === 'done' || event.type === 'error') {
      return { text: items.map((item) => item.text ?? '').join(''), items, last: event };
    }
  }
  throw new Error('the stream ended without its last event');
}
