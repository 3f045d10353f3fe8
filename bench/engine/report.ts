/** What the samples say: figures, their spread, and the targets they miss. */
import { median } from '../statistics.ts';
import type { Measured, Pair } from './measure.ts';

export const TARGETS = { throughput: 0.95, ttft: 1.05, cachedTurn: 0.2, stepOverheadMs: 0.15 };

export interface Figures {
  readonly throughput_vs_native: Readonly<Record<string, number>>;
  readonly ttft_vs_native: number;
  readonly cached_turn_vs_cold: number;
  /** Of the step that runs when the cancel comes: one chunk of the prompt. */
  readonly cancel_prefill_ms: number;
  /** Of our scheduler, while neither a decode nor a draw is under way; one stream. */
  readonly step_overhead_ms: number;
  /** All that a step takes beyond native, drawing included: handing over between threads, too. */
  readonly step_beyond_native_ms: number;
  readonly sampling_ms: number;
  readonly stock_vs_ours: Readonly<Record<string, number>>;
  /** Against native with fused attention: first token of 512, and eight streams; for the reader, not a target. */
  readonly vs_native_fused: { readonly ttft: number; readonly throughput_8: number };
  /** Lowest and highest pair of each ratio. */
  readonly spread: Readonly<Record<string, readonly [number, number]>>;
}

export function summarise(measured: Measured): Figures {
  const runs = Object.entries(measured.throughput);
  const ratios = (pairs: readonly Pair[]): number[] =>
    pairs.map(({ native, ours }) => ours / native);
  const single = measured.throughput['1'] ?? [];
  return {
    throughput_vs_native: Object.fromEntries(
      runs.map(([streams, pairs]) => [streams, rounded(median(ratios(pairs)))]),
    ),
    ttft_vs_native: rounded(median(ratios(measured.firstToken))),
    cached_turn_vs_cold: rounded(median(measured.turns.ratios)),
    cancel_prefill_ms: rounded(median(measured.turns.cancelMs), 10),
    step_overhead_ms: rounded(measured.schedulerMs),
    step_beyond_native_ms: rounded(
      median(single.map(({ native, ours }) => 1000 / ours - 1000 / native)),
    ),
    sampling_ms: rounded(measured.samplingMs),
    stock_vs_ours: Object.fromEntries(
      runs.map(([streams, pairs]) => [
        streams,
        rounded(
          median(pairs.flatMap(({ stock, ours }) => (stock === undefined ? [] : [stock / ours]))),
        ),
      ]),
    ),
    vs_native_fused: {
      ttft: rounded(
        median(measured.firstToken.map(({ ours }) => ours)) / median(measured.fused.firstTokenMs),
      ),
      throughput_8: rounded(
        median((measured.throughput['8'] ?? []).map(({ ours }) => ours)) /
          median(measured.fused.tokS),
      ),
    },
    spread: {
      ...Object.fromEntries(runs.map(([streams, pairs]) => [streams, spreadOf(ratios(pairs))])),
      ttft: spreadOf(ratios(measured.firstToken)),
      cached_turn: spreadOf(measured.turns.ratios),
    },
  };
}

export function missedTargets(figures: Figures): string[] {
  const missed = Object.entries(figures.throughput_vs_native)
    .filter(([, value]) => !(value >= TARGETS.throughput))
    .map(([streams, value]) => `throughput at ${streams} streams ${value} < ${TARGETS.throughput}`);
  if (!(figures.ttft_vs_native <= TARGETS.ttft))
    missed.push(`first token ${figures.ttft_vs_native} > ${TARGETS.ttft} × native prefill`);
  if (!(figures.cached_turn_vs_cold <= TARGETS.cachedTurn))
    missed.push(`cached turn ${figures.cached_turn_vs_cold} > ${TARGETS.cachedTurn}`);
  if (!(figures.step_overhead_ms <= TARGETS.stepOverheadMs))
    missed.push(`step overhead ${figures.step_overhead_ms} ms > ${TARGETS.stepOverheadMs} ms`);
  return missed;
}

const spreadOf = (values: readonly number[]): readonly [number, number] => [
  rounded(Math.min(...values)),
  rounded(Math.max(...values)),
];

const rounded = (value: number, parts = 1000): number => Math.round(value * parts) / parts;
