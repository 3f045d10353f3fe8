import { CortexError, isErrorCode, toCortexError, withoutUndefined } from '@cortex/protocol';
import { z } from 'zod';

import type { EngineEvent, FinishReason } from '../engine/generate.ts';

type DoneEvent = Extract<EngineEvent, { type: 'done' }>;
type ErrorEvent = Extract<EngineEvent, { type: 'error' }>;

const REASONS = ['stop', 'length', 'tool_calls', 'cancelled'] as const satisfies FinishReason[];

/** `done`: `finish` and `matched_stop` are one value, or with several choices an array in order of index. */
export const WireDone = z.looseObject({
  id: z.string(),
  finish: z.union([z.enum(REASONS), z.array(z.enum(REASONS)).min(1)]),
  matched_stop: z.union([z.string(), z.array(z.string().nullable())]).optional(),
  usage: z.looseObject({
    prompt_tokens: z.int().min(0),
    completion_tokens: z.int().min(0),
    cached_tokens: z.int().min(0).default(0),
    reasoning_tokens: z.int().min(0).default(0),
  }),
  timings: z.looseObject({
    queue_ms: z.number(),
    prompt_ms: z.number(),
    first_token_ms: z.number().optional(),
    decode_ms: z.number(),
  }),
});

/** The `done` message of request `id`. */
export function formatDone(id: string, event: DoneEvent): object {
  const [first, ...others] = event.finish;
  const stops = event.finish.map((choice) => choice.matchedStop ?? null);
  const stopped = stops.some((stop) => stop !== null);
  const isSingle = others.length === 0;
  return {
    kind: 'done',
    id,
    finish: isSingle ? first?.reason : event.finish.map((choice) => choice.reason),
    matched_stop: stopped ? (isSingle ? first?.matchedStop : stops) : undefined,
    usage: {
      prompt_tokens: event.usage.promptTokens,
      completion_tokens: event.usage.completionTokens,
      cached_tokens: event.usage.cachedTokens,
      reasoning_tokens: event.usage.reasoningTokens,
    },
    timings: {
      queue_ms: event.timings.queueMs,
      prompt_ms: event.timings.promptMs,
      first_token_ms: event.timings.firstTokenMs,
      decode_ms: event.timings.decodeMs,
    },
  };
}

/** @throws ZodError when it is not a `done` message. */
export function readDone(message: unknown): DoneEvent {
  const wire = WireDone.parse(message);
  const reasons = typeof wire.finish === 'string' ? [wire.finish] : wire.finish;
  const stops = typeof wire.matched_stop === 'string' ? [wire.matched_stop] : wire.matched_stop;
  return {
    type: 'done',
    finish: reasons.map((reason, index) =>
      withoutUndefined({ reason, matchedStop: stops?.[index] ?? undefined }),
    ),
    usage: {
      promptTokens: wire.usage.prompt_tokens,
      completionTokens: wire.usage.completion_tokens,
      cachedTokens: wire.usage.cached_tokens,
      reasoningTokens: wire.usage.reasoning_tokens,
    },
    timings: withoutUndefined({
      queueMs: wire.timings.queue_ms,
      promptMs: wire.timings.prompt_ms,
      firstTokenMs: wire.timings.first_token_ms,
      decodeMs: wire.timings.decode_ms,
    }),
  };
}

/** `error` of a request or a call, and `failed` of a load. */
export const WireFailure = z.looseObject({
  code: z.string(),
  message: z.string(),
  param: z.string().optional(),
  transient: z.boolean().optional(),
  retry_after_s: z.number().optional(),
  out_of_memory: z.boolean().optional(),
  unknown_architecture: z.boolean().optional(),
});

/** What a failed load says to its owner beyond its text. */
const LOAD_REASONS = ['out_of_memory', 'unknown_architecture'] as const;

const readLoadReasons = (
  from: Readonly<Record<string, unknown>> = {},
): Partial<Record<(typeof LOAD_REASONS)[number], true>> =>
  Object.fromEntries(
    LOAD_REASONS.filter((name) => from[name] === true).map((name) => [name, true]),
  );

/** The members of `error` and `failed` for a thrown value. The text of an unknown exception is not sent. */
export function formatFailure(thrown: unknown): z.input<typeof WireFailure> {
  const error = toCortexError(thrown);
  return {
    code: error.code,
    message: error.message,
    param: error.details.param,
    transient: error.details.transient,
    retry_after_s: error.details.retryAfterS,
    ...readLoadReasons(error.details.extra),
  };
}

/** The error in an `error` or `failed` message. An unknown code becomes `internal_error`. @throws ZodError */
export function readFailure(message: unknown): CortexError {
  const wire = WireFailure.parse(message);
  const extra = readLoadReasons(wire);
  return new CortexError(
    isErrorCode(wire.code) ? wire.code : 'internal_error',
    wire.message,
    withoutUndefined({
      param: wire.param,
      transient: wire.transient,
      retryAfterS: wire.retry_after_s,
      extra: Object.keys(extra).length > 0 ? extra : undefined,
    }),
  );
}

/** Last event of a request that ends with `thrown`. */
export function toErrorEvent(thrown: unknown): ErrorEvent {
  const { code, message, details } = toCortexError(thrown);
  return withoutUndefined({ type: 'error' as const, code, message, param: details.param });
}
