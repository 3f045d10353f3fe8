/**
 * Compares prompts of 512 tokens and answers of 128 with native at its own defaults, greedy and at the API's default
 * sampling.
 */
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { largeVocabularyModel } from '@cortex/testkit/gguf/large-vocabulary';
import { writeModel } from '@cortex/testkit/gguf/pooled-models';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { inTurns, type MeasureOptions, type Pair } from './measure.ts';
import type { NativeLoad } from './native-bench.ts';
import { msPerAnswerStep, startEngine } from './our-engine.ts';

export const PROMPT_TOKENS = 512;
export const ANSWER_TOKENS = 128;
/** Limits for pairs and streams, because a pair with eight streams takes a minute. */
const MAX_PAIRS = 5;
const STREAMS: readonly number[] = [1, 8];

/** The options of the other figures, within these limits. */
export const boundedOptions = (options: MeasureOptions): MeasureOptions => ({
  ...options,
  pairs: Math.min(options.pairs, MAX_PAIRS),
  streams: options.streams.filter((streams) => STREAMS.includes(streams)),
});

export const ANSWER_CONTEXT_TOKENS = PROMPT_TOKENS + ANSWER_TOKENS + 128;

/** Fields of the request body. */
export const SAMPLINGS = {
  temperature_0: { temperature: 0 },
  /** The API's default: temperature 1, all tokens. */
  default_sampling: {},
} as const;
export type SamplingName = keyof typeof SAMPLINGS;

/** Tokens per second, by sampling and number of streams. */
export type Answers = Readonly<Record<SamplingName, Readonly<Record<string, readonly Pair[]>>>>;

/** Native does not sample, so the cost of sampling counts only for our side. */
export async function compareAnswers(options: MeasureOptions): Promise<Answers> {
  const compare = async (sampling: SamplingName) => {
    const byStreams: Record<string, readonly Pair[]> = {};
    for (const streams of options.streams) {
      options.say(`  answers of ${ANSWER_TOKENS} tokens, ${sampling}, ${streams} streams …`);
      byStreams[streams] = await compareStreams(options, sampling, streams);
    }
    return byStreams;
  };
  return {
    temperature_0: await compare('temperature_0'),
    default_sampling: await compare('default_sampling'),
  };
}

async function compareStreams(
  options: MeasureOptions,
  sampling: SamplingName,
  streams: number,
): Promise<Pair[]> {
  const load: NativeLoad = {
    model: options.model,
    threads: options.threads,
    runs: options.pairs,
    streams,
    promptTokens: PROMPT_TOKENS,
    generatedTokens: ANSWER_TOKENS,
    contextTokens: ANSWER_CONTEXT_TOKENS,
  };
  const engine = await startEngine({
    ...options,
    slots: streams,
    contextTokens: ANSWER_CONTEXT_TOKENS,
  });
  const steps = await inTurns(options, load, {
    native: ({ generateS }) => (generateS / ANSWER_TOKENS) * 1000,
    ours: () => msPerAnswerStep(engine, load, SAMPLINGS[sampling]),
    pid: engine.pid,
    turns: 1,
  });
  await engine.close(0);
  const tokS = (ms: number): number => (streams * 1000) / ms;
  return steps.map((pair) => ({ ...pair, native: tokS(pair.native), ours: tokS(pair.ours) }));
}

/** The path of a random-weight model with a vocabulary of 152k, written into `folder` on first use. */
export async function largeModel(folder: string, tokenizerFrom: string): Promise<string> {
  const name = 'large-vocabulary.gguf';
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const tokenizer = await readGguf(readFileSync(tokenizerFrom));
  return writeModel(largeVocabularyModel(tokenizer), folder, name);
}
