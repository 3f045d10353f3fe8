import { z } from 'zod';

import type { StepItem } from '../engine/generate.ts';
import type { LoadProgress } from '../engine/load.ts';

/** Any message: an object with a kind. */
export interface Message {
  readonly kind: string;
  readonly [member: string]: unknown;
}

/** Hand-written, because every message passes here. */
export function isMessage(value: unknown): value is Message {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string'
  );
}

export const WireProgress = z.looseObject({
  phase: z.enum(['starting', 'weights', 'context', 'ready']),
  ratio: z.number().min(0).max(1),
});

/** @throws ZodError when it is not a `progress` message. */
export function readProgress(message: unknown): LoadProgress {
  const { phase, ratio } = WireProgress.parse(message);
  return { phase, ratio };
}

export const WireAccepted = z.looseObject({ id: z.string(), prompt_tokens: z.int().min(0) });

/** One item of `step` as it is on the wire. */
export interface WireStepItem extends StepItem {
  readonly id: string;
}

/**
 * Whether `value` is an item of `step`.
 *
 * Hand-written: it runs once per token. It does not check the texts inside `tool` and `logprobs`.
 */
export function isStepItem(value: unknown): value is WireStepItem {
  if (typeof value !== 'object' || value === null) return false;
  if (!('id' in value) || typeof value.id !== 'string') return false;
  if ('text' in value && typeof value.text !== 'string') return false;
  if ('reasoning' in value && typeof value.reasoning !== 'string') return false;
  if ('index' in value && typeof value.index !== 'number') return false;
  if ('tool' in value && (typeof value.tool !== 'object' || value.tool === null)) return false;
  return !('logprobs' in value) || Array.isArray(value.logprobs);
}

/** The item without its id. Members are copied one by one: a rest copy costs several times as much, per token. */
export function readStepItem(wire: WireStepItem): StepItem {
  if (
    wire.text !== undefined &&
    wire.index === undefined &&
    wire.reasoning === undefined &&
    wire.tool === undefined &&
    wire.logprobs === undefined
  ) {
    return { text: wire.text };
  }
  return {
    index: wire.index,
    text: wire.text,
    reasoning: wire.reasoning,
    tool: wire.tool,
    logprobs: wire.logprobs,
  };
}
