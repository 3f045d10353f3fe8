import { JsonObjectShape, ModelSettingsFields, withoutUndefined } from '@cortex/protocol';
import { z } from 'zod';

import type { EngineLoadSpec, LoadedModel } from '../engine/load.ts';

const Backend = z.enum(['cpu', 'cuda', 'vulkan', 'metal']);

const LoadMode = z.enum(['mmap', 'read', 'direct']);

const settings = ModelSettingsFields;

/** What to load, as `load` and `estimate` carry it. */
export const WireLoadSpec = z.looseObject({
  model_id: z.string(),
  model_path: z.string(),
  backend: Backend,
  context_length: settings.context_length.unwrap(),
  slots: settings.slots.unwrap(),
  gpu_layers: settings.gpu_layers.unwrap(),
  kv_type: settings.kv_type.unwrap(),
  threads: z.int().min(1),
  prefill_chunk_tokens: z.int().min(1),
  batch_invariant: z.boolean().default(false),
  prompt_cache_mib: z.number().min(0),
  params: JsonObjectShape.default({}),
  load_mode: LoadMode.optional(),
  vocab_only: z.boolean().default(false),
  lora: z.array(z.looseObject({ path: z.string(), scale: z.number().default(1) })).default([]),
  draft: z
    .discriminatedUnion('kind', [
      z.looseObject({ kind: z.literal('lookup') }),
      z.looseObject({ kind: z.literal('model'), model_path: z.string() }),
    ])
    .optional(),
  restore_dir: z.string().optional(),
});
export type WireLoadSpec = z.input<typeof WireLoadSpec>;

export function formatLoadSpec(spec: EngineLoadSpec): WireLoadSpec {
  return {
    model_id: spec.modelId,
    model_path: spec.modelPath,
    backend: spec.backend,
    context_length: spec.contextLength,
    slots: spec.slots,
    gpu_layers: spec.gpuLayers,
    kv_type: spec.kvType,
    threads: spec.threads,
    prefill_chunk_tokens: spec.prefillChunkTokens,
    batch_invariant: spec.isBatchInvariant,
    prompt_cache_mib: spec.promptCacheMib,
    params: { ...spec.params },
    load_mode: spec.loadMode,
    vocab_only: spec.vocabOnly,
    lora: spec.lora.map(({ path, scale }) => ({ path, scale })),
    draft:
      spec.draft?.kind === 'model'
        ? { kind: 'model', model_path: spec.draft.modelPath }
        : spec.draft,
    restore_dir: spec.restoreDir,
  };
}

/** @throws ZodError when it is not a load spec. */
export function readLoadSpec(message: unknown): EngineLoadSpec {
  const wire = WireLoadSpec.parse(message);
  return withoutUndefined({
    modelId: wire.model_id,
    modelPath: wire.model_path,
    backend: wire.backend,
    contextLength: wire.context_length,
    slots: wire.slots,
    gpuLayers: wire.gpu_layers,
    kvType: wire.kv_type,
    threads: wire.threads,
    prefillChunkTokens: wire.prefill_chunk_tokens,
    isBatchInvariant: wire.batch_invariant,
    promptCacheMib: wire.prompt_cache_mib,
    params: wire.params,
    loadMode: wire.load_mode,
    vocabOnly: wire.vocab_only,
    lora: wire.lora.map(({ path, scale }) => ({ path, scale })),
    draft: readDraft(wire.draft),
    restoreDir: wire.restore_dir,
  });
}

const readDraft = (
  draft: z.output<typeof WireLoadSpec>['draft'],
): EngineLoadSpec['draft'] | undefined =>
  draft?.kind === 'model'
    ? { kind: 'model', modelPath: draft.model_path }
    : draft && { kind: 'lookup' };

/** Capabilities this version knows; a newer engine may claim more, which are left out. */
const CAPABILITIES = {
  chat: true,
  completions: true,
  tools: true,
  reasoning: true,
  embedding: true,
  rerank: true,
  tokenizer: true,
  insert: true,
  choices: true,
  logprobs: true,
  structured: true,
  estimate: true,
  prompt_cache: true,
  state: true,
  speculation: true,
  lora: true,
} as const satisfies Record<LoadedModel['capabilities'][number], true>;

const isCapability = (name: string): name is keyof typeof CAPABILITIES =>
  Object.hasOwn(CAPABILITIES, name);

export const WireLoaded = z.looseObject({
  capabilities: z.array(z.string()),
  limits: z.looseObject({
    context_tokens: z.int(),
    slots: z.int(),
    trained_context_tokens: z.int(),
  }),
  memory: z.looseObject({ ram_mib: z.number(), vram_mib: z.number() }),
  backend: Backend,
  gpu_layers: z.string(),
  quant: z.string().optional(),
  // A newer engine may report another one.
  load_mode: LoadMode.optional().catch(undefined),
});

export function formatLoaded(model: LoadedModel): z.input<typeof WireLoaded> {
  return {
    capabilities: [...model.capabilities],
    limits: {
      context_tokens: model.limits.contextTokens,
      slots: model.limits.slots,
      trained_context_tokens: model.limits.trainedContextTokens,
    },
    memory: { ram_mib: model.memory.ramMib, vram_mib: model.memory.vramMib },
    backend: model.backend,
    gpu_layers: model.gpuLayers,
    quant: model.quant,
    load_mode: model.loadMode,
  };
}

/** @throws ZodError when it is not a `loaded` message. */
export function readLoaded(message: unknown): LoadedModel {
  const wire = WireLoaded.parse(message);
  return withoutUndefined({
    capabilities: wire.capabilities.filter(isCapability),
    limits: {
      contextTokens: wire.limits.context_tokens,
      slots: wire.limits.slots,
      trainedContextTokens: wire.limits.trained_context_tokens,
    },
    memory: { ramMib: wire.memory.ram_mib, vramMib: wire.memory.vram_mib },
    backend: wire.backend,
    gpuLayers: wire.gpu_layers,
    quant: wire.quant,
    loadMode: wire.load_mode,
  });
}
