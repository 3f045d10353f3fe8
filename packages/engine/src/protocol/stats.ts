import { withoutUndefined } from '@cortex/protocol';
import { z } from 'zod';

import type { EngineStats } from '../engine/stats.ts';

/** `stats`: the state of the engine, sent every second and on request. */
export const WireStats = z.looseObject({
  queue_depth: z.int(),
  slots: z.int(),
  busy_slots: z.int(),
  runnable_slots: z.int(),
  last_step_age_ms: z.number().optional(),
  longest_step_ms: z.number(),
  batch_sizes: z.record(z.string(), z.int()),
  tok_s_prefill: z.number().optional(),
  tok_s_decode: z.number().optional(),
  drafted_tokens: z.int().optional(),
  accepted_tokens: z.int().optional(),
  draft_error: z.string().optional(),
  prompt_cache: z.object({ entries: z.int(), bytes: z.number(), hits: z.int() }).optional(),
  kv_cells_used: z.int(),
  kv_cells_total: z.int(),
  rss_mib: z.number(),
});

export function formatStats(stats: EngineStats): z.input<typeof WireStats> {
  return {
    queue_depth: stats.queueDepth,
    slots: stats.slots,
    busy_slots: stats.busySlots,
    runnable_slots: stats.runnableSlots,
    last_step_age_ms: stats.lastStepAgeMs,
    longest_step_ms: stats.longestStepMs,
    batch_sizes: { ...stats.batchSizes },
    tok_s_prefill: stats.tokSPrefill,
    tok_s_decode: stats.tokSDecode,
    drafted_tokens: stats.draftedTokens,
    accepted_tokens: stats.acceptedTokens,
    draft_error: stats.draftError,
    prompt_cache: stats.promptCache,
    kv_cells_used: stats.kvCellsUsed,
    kv_cells_total: stats.kvCellsTotal,
    rss_mib: stats.rssMib,
  };
}

/** @throws ZodError when it is not a `stats` message. */
export function readStats(message: unknown): EngineStats {
  const wire = WireStats.parse(message);
  return withoutUndefined({
    queueDepth: wire.queue_depth,
    slots: wire.slots,
    busySlots: wire.busy_slots,
    runnableSlots: wire.runnable_slots,
    lastStepAgeMs: wire.last_step_age_ms,
    longestStepMs: wire.longest_step_ms,
    batchSizes: wire.batch_sizes,
    tokSPrefill: wire.tok_s_prefill,
    tokSDecode: wire.tok_s_decode,
    draftedTokens: wire.drafted_tokens,
    acceptedTokens: wire.accepted_tokens,
    draftError: wire.draft_error,
    promptCache: wire.prompt_cache,
    kvCellsUsed: wire.kv_cells_used,
    kvCellsTotal: wire.kv_cells_total,
    rssMib: wire.rss_mib,
  });
}
