/** The report: figures, their spread, and missed targets. */
import { median } from '../statistics.ts';
import type { Answers } from './answers.ts';
import type { HttpAnswers } from './http-answers.ts';
import type { Measured, Pair, SamplingMs } from './measure.ts';

export const TARGETS = { throughput: 0.95, ttft: 1.05, cachedTurn: 0.2, stepOverheadMs: 0.15 };

export interface Figures {
  readonly throughput_vs_native: Readonly<Record<string, number>>;
  readonly ttft_vs_native: number;
  readonly cached_turn_vs_cold: number;
  /** Duration of the step during the cancel: one chunk of the prompt. */
  readonly cancel_prefill_ms: number;
  /** Time of our scheduler outside decodes and samples; one stream. */
  readonly step_overhead_ms: number;
  /** Time of a step in addition to native, including sampling and switches between threads. */
  readonly step_beyond_native_ms: number;
  /** One sample, and eight in parallel. */
  readonly sampling_ms: SamplingMs;
  readonly stock_vs_ours: Readonly<Record<string, number>>;
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
    sampling_ms: Object.fromEntries(
      Object.entries(measured.samplingMs).map(([name, { one, eight }]) => [
        name,
        { one: rounded(one), eight: rounded(eight) },
      ]),
    ),
    stock_vs_ours: Object.fromEntries(
      runs.map(([streams, pairs]) => [
        streams,
        rounded(
          median(pairs.flatMap(({ stock, ours }) => (stock === undefined ? [] : [stock / ours]))),
        ),
      ]),
    ),
    spread: {
      ...Object.fromEntries(runs.map(([streams, pairs]) => [streams, spreadOf(ratios(pairs))])),
      ttft: spreadOf(ratios(measured.firstToken)),
      cached_turn: spreadOf(measured.turns.ratios),
    },
  };
}

/** A missed target: the name of its figure, and a line for the reader. */
export interface Missed {
  readonly figure: string;
  readonly line: string;
}

export function missedTargets(figures: Figures): Missed[] {
  const missed = lowThroughputs('streams', figures.throughput_vs_native);
  const above = (figure: string, value: number, most: number): void => {
    if (!(value <= most)) missed.push({ figure, line: `${figure} ${value} > ${most}` });
  };
  above('first-token', figures.ttft_vs_native, TARGETS.ttft);
  above('cached-turn', figures.cached_turn_vs_cold, TARGETS.cachedTurn);
  above('step-overhead-ms', figures.step_overhead_ms, TARGETS.stepOverheadMs);
  return missed;
}

/** Median ratios ours ÷ theirs, by sampling and number of streams. */
export type AnswerFigures = Readonly<Record<string, Readonly<Record<string, number>>>>;

export const summariseAnswers = (answers: Answers | HttpAnswers['throughput']): AnswerFigures =>
  Object.fromEntries(
    Object.entries(answers).map(([sampling, byStreams]) => [
      sampling,
      Object.fromEntries(
        Object.entries(byStreams).map(([streams, pairs]) => [
          streams,
          rounded(median(pairs.map(({ native, ours }) => ours / native))),
        ]),
      ),
    ]),
  );

export interface HttpFigures {
  readonly throughput: AnswerFigures;
  readonly first_token: number;
}

export const summariseHttp = ({ throughput, firstToken }: HttpAnswers): HttpFigures => ({
  throughput: summariseAnswers(throughput),
  first_token: rounded(median(firstToken.map(({ native, ours }) => ours / native))),
});

export const missedAnswers = (name: string, figures: AnswerFigures): Missed[] =>
  Object.entries(figures).flatMap(([sampling, byStreams]) =>
    lowThroughputs(`${name}-${sampling}`, byStreams),
  );

const lowThroughputs = (name: string, byStreams: Readonly<Record<string, number>>): Missed[] =>
  Object.entries(byStreams)
    .filter(([, value]) => !(value >= TARGETS.throughput))
    .map(([streams, value]) => {
      const figure = `${name}-${streams}`;
      return { figure, line: `${figure} ${value} < ${TARGETS.throughput}` };
    });

const spreadOf = (values: readonly number[]): readonly [number, number] => [
  rounded(Math.min(...values)),
  rounded(Math.max(...values)),
];

const rounded = (value: number, parts = 1000): number => Math.round(value * parts) / parts;
