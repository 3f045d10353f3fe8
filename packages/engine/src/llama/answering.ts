/** Creates the jobs that answer a parsed request. */
import type { EngineEvent } from '../engine/generate.ts';
import type { ReadPrompt, ReadRequest } from './prepare/request-reader.ts';
import { TokenDecoder, type TokenTexts } from './request/token-text.ts';
import { Answer } from './scheduler/answer.ts';
import { Job } from './scheduler/job.ts';
import { type JobEvents, JoinedEvents } from './scheduler/joined-events.ts';

interface Answering {
  readonly read: ReadRequest;
  readonly principal: string;
  readonly texts: TokenTexts;
  readonly events: JobEvents;
  readonly signal: AbortSignal;
  readonly arrivedMs: number;
  readonly submit: (job: Job) => void;
}

/** Reports the request as accepted, and queues a job for each of its prompts. */
export function answer(answering: Answering): void {
  const { read, events, signal, arrivedMs } = answering;
  const { prompts, sampling } = read;
  events.push({
    type: 'accepted',
    promptTokens: prompts.reduce((sum, { tokens }) => sum + tokens.length, 0),
  });
  const [only] = prompts;
  if (only !== undefined && prompts.length === 1) return answerOne(answering, only);
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const joined = new JoinedEvents({
    events,
    jobs: prompts.length,
    choices: sampling.choices,
    arrivedMs,
    nowMs: () => performance.now(),
    onFailure: () => failed.abort(),
  });
  for (const [index, prompt] of prompts.entries())
    answerOne({ ...answering, events: joined.of(index), signal: either }, prompt);
}

function answerOne(answering: Answering, prompt: ReadPrompt): void {
  const { read, events, texts, submit, principal, signal, arrivedMs } = answering;
  const { sampling, topLogprobs, grammars, maxToolCalls, startsText, thoughtLimit } = read;
  const { tokens, maxTokens, echo } = prompt;
  const indexes = Array.from({ length: sampling.choices }, (_, index) => index);
  if (echo !== '') events.push(echoOf(echo, indexes));
  if (maxTokens === 0) return events.push(emptyAnswer(tokens.length, indexes));
  const answers = indexes.map(
    (index) =>
      new Answer({
        index,
        decoder: new TokenDecoder(texts, { startsText }),
        stop: sampling.stop,
        parser: read.newParser(),
        maxTokens,
        maxToolCalls,
        thoughtLimit,
      }),
  );
  return submit(
    new Job({
      principal,
      prompt: tokens,
      sampling,
      answers,
      topLogprobs,
      grammars,
      arrivedMs,
      events,
      signal,
    }),
  );
}

const echoOf = (text: string, indexes: readonly number[]): EngineEvent => ({
  type: 'items',
  items: indexes.map((index) => (index === 0 ? { text } : { index, text })),
});

/** The end of an answer whose token limit is 0. */
const emptyAnswer = (promptTokens: number, indexes: readonly number[]): EngineEvent => ({
  type: 'done',
  finish: indexes.map(() => ({ reason: 'length' })),
  usage: { promptTokens, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 },
  timings: { queueMs: 0, promptMs: 0, decodeMs: 0 },
});
