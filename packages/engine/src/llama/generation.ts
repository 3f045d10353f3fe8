import type { CloseOptions } from '../engine/engine.ts';
import type { EngineLoadSpec } from '../engine/load.ts';
import type { Context, Model } from './binding.ts';
import type { LlamaModel } from './load-model.ts';
import { Sampler } from './sampler.ts';
import { Logprobs } from './logprobs.ts';
import {
  type CacheFolder,
  openCacheFolder,
  removeCacheFolder,
} from './prompt-cache/cache-folder.ts';
import { PromptCache } from './prompt-cache/prompt-cache.ts';
import { fingerprintOf, readState, saveState } from './prompt-cache/saved-state.ts';
import { Checkpoints } from './cells/checkpoints.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { SlotCells } from './cells/slot-cells.ts';
import { createSlots, type Slot } from './cells/slots.ts';

const MIB = 1024 * 1024;

/** Share of the prompt cache's RAM for checkpoints. */
const CHECKPOINT_PART = 0.5;

export interface GenerationOptions {
  readonly llama: LlamaModel;
  readonly spec: EngineLoadSpec;
  readonly log: (line: string) => void;
}

interface Parts {
  readonly slots: readonly Slot[];
  readonly scheduler: Scheduler;
  readonly sampler: Sampler;
  readonly logprobs: Logprobs;
  readonly cache: PromptCache;
  readonly folder: CacheFolder | undefined;
  readonly fingerprint: string;
  readonly log: (line: string) => void;
}

/** A model that generates text: its slots, scheduler and prompt cache. */
export class Generation {
  readonly scheduler: Scheduler;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.scheduler = parts.scheduler;
    this.#parts = parts;
  }

  /** Ends all requests, saves the cells if `saveDir` is set, and frees everything except the context. */
  async close(graceMs: number, { saveDir, saveMaxMib }: CloseOptions): Promise<void> {
    await this.scheduler.close(graceMs);
    if (saveDir !== undefined)
      await saveState({ ...this.#parts, folder: saveDir, maxMib: saveMaxMib });
    this.#parts.sampler.dispose();
    this.#parts.logprobs.dispose();
    if (this.#parts.folder !== undefined) await removeCacheFolder(this.#parts.folder);
  }
}

/** Undefined if only the vocabulary was loaded. */
export async function createGeneration(
  options: GenerationOptions,
): Promise<Generation | undefined> {
  const { llama, spec, log } = options;
  const { context } = llama;
  if (context === undefined) return undefined;
  const folder =
    spec.promptCacheMib > 0 ? await openCacheFolder(spec.promptCacheMib, log) : undefined;
  try {
    return await wire({ ...options, context, folder });
  } catch (error) {
    if (folder !== undefined) await removeCacheFolder(folder);
    throw error;
  }
}

async function wire({
  llama,
  spec,
  log,
  context,
  folder,
}: GenerationOptions & {
  readonly context: Context;
  readonly folder: CacheFolder | undefined;
}): Promise<Generation> {
  const { model, contextTokens, batchTokens, drafter } = llama;
  const slots = createSlots(llama.slots);
  const cells = createCells({ model, context, spec });
  const { ram, vram } = context.memory();
  const contextBytesPerCell = (ram + vram) / (slots.length * contextTokens);
  const sizes = { contextTokens, contextBytesPerCell };
  const cache = new PromptCache({ context: context.native, cells, ...sizes, folder, log });
  const fingerprint = await fingerprintOf(spec, contextTokens);
  if (spec.restoreDir !== undefined)
    cache.adopt((await readState(spec.restoreDir, fingerprint)).toReversed());
  const sampler = new Sampler(model, context.native);
  const logprobs = new Logprobs(model, context.native);
  const scheduler = new Scheduler({
    model: {
      context: context.native,
      isEndOfGeneration: (token) => model.vocabulary.isEndOfGeneration(token),
      createSampler: (config) => sampler.createSampler(config),
      sample: (logitIndex, chain) => sampler.sample(logitIndex, chain),
      accept: (token, grammar) => {
        if (grammar !== undefined) model.acceptToken(token, grammar);
      },
      readLogprob: (logitIndex, of) => logprobs.read(logitIndex, of),
    },
    slots,
    cells,
    cache,
    contextTokens,
    batchTokens,
    prefillChunkTokens: spec.prefillChunkTokens,
    isBatchInvariant: spec.isBatchInvariant,
    drafter,
    nowMs: () => performance.now(),
  });
  return new Generation({ slots, scheduler, sampler, logprobs, cache, folder, fingerprint, log });
}

function createCells({
  model,
  context,
  spec,
}: {
  readonly model: Model;
  readonly context: Context;
  readonly spec: EngineLoadSpec;
}): SlotCells {
  const { windowTokens, hasRecurrentState } = model;
  const checkpoints = new Checkpoints({
    context: context.native,
    create: () => context.createCheckpoint(),
    maxBytes: spec.promptCacheMib * MIB * CHECKPOINT_PART,
  });
  const losesCells = hasRecurrentState || windowTokens !== undefined;
  return new SlotCells({ context: context.native, windowTokens, losesCells, checkpoints });
}
