/** Answers one inference request from an engine: events in, OpenAI JSON or SSE out. */
import type { Engine, EngineEvent, GenerateRoute } from '@cortex/engine';
import {
  CortexError,
  formatUsageComment,
  NEURON_HEADERS,
  renderErrorEvent,
  SSE_DONE,
  SSE_KEEP_ALIVE,
  toCortexError,
} from '@cortex/protocol';

import { refuse } from '../../refusal.ts';
import type { GenerateRoutePath, HarnessRequest } from '../harness.ts';
import { EngineWork } from './engine-work.ts';
import type { PulseGroup } from './pulse.ts';
import {
  type AnswerIdentity,
  answerId,
  type AnswerOptions,
  type AnswerRenderer,
  type CallForm,
  type DoneEvent,
  type StreamOptions,
  type StreamRenderer,
} from './render/answer.ts';
import { createChatAnswer } from './render/chat-answer.ts';
import { createChatStream } from './render/chat-stream.ts';
import { createCompletionAnswer } from './render/completion-answer.ts';
import { createCompletionStream } from './render/completion-stream.ts';
import { estimatedUsage, toNeuronUsage } from './render/usage.ts';

interface Dialect {
  readonly route: GenerateRoute;
  readonly idPrefix: 'chatcmpl-' | 'cmpl-';
  readonly stream: (identity: AnswerIdentity, options: StreamOptions) => StreamRenderer;
  readonly answer: (identity: AnswerIdentity, options: AnswerOptions) => AnswerRenderer;
}

/** How each route is generated and rendered. */
const DIALECTS = {
  '/v1/chat/completions': {
    route: 'chat',
    idPrefix: 'chatcmpl-',
    stream: createChatStream,
    answer: createChatAnswer,
  },
  '/v1/completions': {
    route: 'completions',
    idPrefix: 'cmpl-',
    stream: createCompletionStream,
    answer: createCompletionAnswer,
  },
} as const satisfies Record<GenerateRoutePath, Dialect>;

const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** The engine that serves a request, seen by the one that renders it. */
export interface ServingEngine {
  readonly engine: Engine;
  /** Whether it gave a sign of life within the time after which it counts as wedged. */
  isProgressing(): boolean;
  /**
   * The error for requests whose engine ended, or was ended, under them.
   * Tells a crash from an unload by force and from the end of the daemon.
   */
  loss(): CortexError;
}

interface Serving {
  readonly route: GenerateRoutePath;
  readonly modelId: string;
  readonly request: HarnessRequest;
  readonly serving: ServingEngine;
  readonly pulses: PulseGroup;
  /** Aborted when the client left, or by admission with a `CortexError` as reason. */
  readonly signal: AbortSignal;
}

type Accepted = Extract<EngineEvent, { type: 'accepted' }>;
type ErrorEvent = Extract<EngineEvent, { type: 'error' }>;

/** Read from the body by neuron itself; the engine validates the rest. */
function readStreamOptions(body: Readonly<Record<string, unknown>>): StreamOptions {
  const { n, stream_options: options } = body;
  const includeUsage =
    typeof options === 'object' && options !== null && 'include_usage' in options
      ? options.include_usage
      : undefined;
  return {
    n: typeof n === 'number' ? n : 1,
    includeUsage: typeof includeUsage === 'boolean' ? includeUsage : undefined,
    callForm: callFormOf(body),
  };
}

/** Callers of the older `functions` read no `tool_calls`. */
const callFormOf = ({ tools, functions }: Readonly<Record<string, unknown>>): CallForm =>
  isList(functions) && !isList(tools) ? 'function_call' : 'tool_calls';

const isList = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

/** What the transport or the engine says when it ends under its requests. */
const LOSS_CODES: ReadonlySet<string> = new Set([
  'node_recovering',
  'shutting_down',
  'upstream_disconnected',
]);

/** An engine's error event as the product's error; what a dead engine reports is replaced by why it is dead. */
function toError(event: ErrorEvent, serving: ServingEngine): CortexError {
  if (LOSS_CODES.has(event.code)) return serving.loss();
  return new CortexError(event.code, event.message, {
    param: event.param,
  });
}

/** The error that an answer cut short ends with: why it was cancelled, or what became of the engine. */
function cutShort({ serving, signal }: Serving): CortexError {
  if (!signal.aborted) return serving.loss();
  return signal.reason instanceof CortexError
    ? signal.reason
    : new CortexError('client_closed_request', 'The client closed the request.');
}

const isCancelled = (done: DoneEvent): boolean =>
  done.finish.every(({ reason }) => reason === 'cancelled');

/** Waits until the engine has taken the request into its order. */
async function accept(work: EngineWork, options: Serving): Promise<Accepted> {
  const first = await work.next();
  if (first?.type === 'accepted') return first;
  if (first?.type === 'error') throw toError(first, options.serving);
  throw cutShort(options);
}

async function* streamBody(
  work: EngineWork,
  { promptTokens }: Accepted,
  options: Serving,
): AsyncGenerator<string, void> {
  const { route, modelId, request, serving, pulses } = options;
  const dialect = DIALECTS[route];
  const render = dialect.stream(identify(route, modelId), readStreamOptions(request.body));
  const pulse = pulses.open({
    isProgressing: () => serving.isProgressing(),
    onStall: () => work.abort(),
  });
  let completionTokens = 0;
  try {
    pulse.offered('content');
    yield render.accepted();
    for (;;) {
      pulse.taken();
      const event = await pulse.race(work.next());
      if (event === undefined || work.isAborted) return;
      if (event === 'due') {
        pulse.offered('keep-alive');
        yield SSE_KEEP_ALIVE;
      } else if (event.type === 'items') {
        if (completionTokens === 0) request.started();
        completionTokens += event.items.length;
        pulse.offered('content');
        yield render.items(event.items);
      } else if (event.type === 'done' && !isCancelled(event)) {
        pulse.offered('content');
        yield (
          render.finish(event) +
          formatUsageComment(toNeuronUsage(event.usage, event.timings)) +
          SSE_DONE
        );
        return;
      } else if (event.type !== 'accepted') {
        const error = event.type === 'error' ? toError(event, serving) : cutShort(options);
        pulse.offered('content');
        yield (
          formatUsageComment(estimatedUsage(promptTokens, completionTokens)) +
          renderErrorEvent(error, 'openai', request.requestId)
        );
        return;
      }
    }
  } finally {
    pulse.close();
    work.abort();
    request.answered?.();
  }
}

const identify = (route: GenerateRoutePath, model: string): AnswerIdentity => ({
  id: answerId(DIALECTS[route].idPrefix),
  created: Math.floor(Date.now() / 1000),
  model,
});

async function wholeAnswer(
  work: EngineWork,
  { promptTokens }: Accepted,
  options: Serving,
): Promise<Response> {
  const { route, modelId, request, serving } = options;
  const answer = DIALECTS[route].answer(identify(route, modelId), {
    callForm: callFormOf(request.body),
  });
  let isStarted = false;
  for (;;) {
    const event = await work.next();
    if (event === undefined) throw cutShort(options);
    if (event.type === 'error') throw toError(event, serving);
    if (event.type === 'items') {
      if (!isStarted) request.started();
      isStarted = true;
      answer.items(event.items);
    }
    if (event.type === 'done') {
      if (isCancelled(event)) throw cutShort(options);
      return Response.json(answer.finish(event), {
        headers: {
          [NEURON_HEADERS.promptTokens]: String(promptTokens),
          [NEURON_HEADERS.usage]: JSON.stringify(toNeuronUsage(event.usage, event.timings)),
        },
      });
    }
  }
}

/**
 * Sends a request to an engine and answers it in OpenAI's shape.
 *
 * A stream's headers and role chunk go out when the engine accepted the request, not at its first token.
 *
 * @throws CortexError what the engine refused, or what ended it before the answer began
 */
export async function serveFromEngine(options: Serving): Promise<Response> {
  const { request, serving, signal } = options;
  const work = new EngineWork(
    serving.engine,
    {
      id: crypto.randomUUID(),
      route: DIALECTS[options.route].route,
      body: request.body,
      principal: request.principal,
      requestId: request.requestId,
      params: request.params,
    },
    { signal, ended: request.ended },
  );
  try {
    const accepted = await accept(work, options);
    if (request.body['stream'] !== true) return await wholeAnswer(work, accepted, options);
    // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
    return new Response(streamBody(work, accepted, options), {
      headers: { ...STREAM_HEADERS, [NEURON_HEADERS.promptTokens]: String(accepted.promptTokens) },
    });
  } catch (error) {
    work.abort();
    throw toCortexError(error);
  }
}

/** The refusal for a model whose engine is being brought back: nothing was done for the request. */
export const recoveringRefusal = (modelId: string, retryAfterS: number): CortexError =>
  refuse(
    new CortexError('node_recovering', `The engine of ${modelId} ended and is being restarted.`, {
      retryAfterS,
    }),
  );
