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
import { EVENT_STREAM_HEADERS, streamResponse } from '@cortex/service';

import { refuse } from '../../refusal.ts';
import type { GenerateRoutePath, HarnessRequest } from '../harness.ts';
import { EngineWork } from './engine-work.ts';
import type { PulseGroup } from '../pulse.ts';
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

/** The generation and rendering of each route. */
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

/** The engine of a request, for the renderer. */
export interface ServingEngine {
  readonly engine: Engine;
  /** Whether it has shown progress within the wedge limit. */
  isProgressing(): boolean;
  /**
   * The error for requests whose engine ended. Distinguishes a crash, an unload by force and the shutdown of the
   * daemon.
   */
  loss(): CortexError;
}

interface Serving {
  readonly route: GenerateRoutePath;
  readonly modelId: string;
  readonly request: HarnessRequest;
  readonly serving: ServingEngine;
  readonly pulses: PulseGroup;
  /** Aborted when the client disconnects, or by admission with a `CortexError` as reason. */
  readonly signal: AbortSignal;
}

type Accepted = Extract<EngineEvent, { type: 'accepted' }>;
type ErrorEvent = Extract<EngineEvent, { type: 'error' }>;

/** The fields that neuron reads; the engine validates the rest. */
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

/** Clients of the older `functions` do not read `tool_calls`. */
const callFormOf = ({ tools, functions }: Readonly<Record<string, unknown>>): CallForm =>
  isList(functions) && !isList(tools) ? 'function_call' : 'tool_calls';

const isList = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

/** Codes of the transport or the engine when the engine ends during a request. */
const LOSS_CODES: ReadonlySet<string> = new Set([
  'node_recovering',
  'shutting_down',
  'upstream_disconnected',
]);

/**
 * An engine's error event as the product's error; the error of a dead engine is replaced by the reason of its
 * death.
 */
function toError(event: ErrorEvent, serving: ServingEngine): CortexError {
  if (LOSS_CODES.has(event.code)) return serving.loss();
  return new CortexError(event.code, event.message, {
    param: event.param,
  });
}

/** The error at the end of an incomplete answer: the reason of the cancel or of the end of the engine. */
function cutShort({ serving, signal }: Serving): CortexError {
  if (!signal.aborted) return serving.loss();
  return signal.reason instanceof CortexError
    ? signal.reason
    : new CortexError('client_closed_request', 'The client closed the request.');
}

const isCancelled = (done: DoneEvent): boolean =>
  done.finish.every(({ reason }) => reason === 'cancelled');

/** Waits until the engine has queued the request. */
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
 * The headers and the role chunk of a stream are sent when the engine accepts the request, before the first token.
 *
 * @throws CortexError the refusal of the engine, or its end before the answer starts
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
    return streamResponse(streamBody(work, accepted, options), {
      ...EVENT_STREAM_HEADERS,
      [NEURON_HEADERS.promptTokens]: String(accepted.promptTokens),
    });
  } catch (error) {
    work.abort();
    throw toCortexError(error);
  }
}

/** The refusal while the engine of the model restarts; no work was done for the request. */
export const recoveringRefusal = (modelId: string, retryAfterS: number): CortexError =>
  refuse(
    new CortexError('node_recovering', `The engine of ${modelId} ended and is being restarted.`, {
      retryAfterS,
    }),
  );
