/** Calls to an external server that are not inference. */
import { CortexError, isJsonObject } from '@cortex/protocol';
import { z } from 'zod';

import type { OfferedModel } from '../harness.ts';

const CALL_MS = 10_000;
/** The route that lists the models of a server. */
export const MODELS_PATH = '/v1/models';

/** Where an external server is, and how neuron authenticates itself. */
export interface Upstream {
  /** Name of the harness; for errors. */
  readonly harness: string;
  /** Base URL without a slash at its end. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface UpstreamCall {
  readonly method?: 'GET' | 'POST' | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Default 10,000. */
  readonly limitMs?: number | undefined;
}

const unreachable = ({ harness, url }: Upstream, cause: unknown): CortexError =>
  new CortexError(
    'no_capacity',
    `The server of the harness ${harness} does not answer at ${url}.`,
    { retryAfterS: 5, cause },
  );

/**
 * The JSON answer of a route, and its status; `undefined` as value if it is not JSON.
 *
 * @throws CortexError `no_capacity` if the server does not answer; the reason of `signal`
 */
export async function callUpstream(
  upstream: Upstream,
  path: string,
  { method = 'GET', body, signal, limitMs = CALL_MS }: UpstreamCall = {},
): Promise<{ readonly status: number; readonly value: unknown }> {
  const limit = AbortSignal.timeout(limitMs);
  try {
    const answer = await fetch(upstream.url + path, {
      method,
      headers: { ...upstream.headers, ...(body !== undefined && { 'content-type': JSON_TYPE }) },
      body: body === undefined ? null : JSON.stringify(body),
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const text = await answer.text();
    return { status: answer.status, value: parse(text) };
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(upstream, error);
  }
}

const JSON_TYPE = 'application/json';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Some routes answer with plain text or nothing.
    return undefined;
  }
}

const ModelList = z.looseObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      // vLLM and SGLang; LM Studio; llama-server.
      max_model_len: z.int().positive().nullish().catch(undefined),
      max_context_length: z.int().positive().nullish().catch(undefined),
      meta: z.looseObject({ n_ctx: z.int().positive().nullish() }).nullish().catch(undefined),
    }),
  ),
});

/**
 * The models that the server offers.
 *
 * @throws CortexError `no_capacity` if it does not answer, `model_load_failed` if `/v1/models` is not a list of models
 */
export async function listUpstreamModels(
  upstream: Upstream,
  signal?: AbortSignal,
): Promise<readonly OfferedModel[]> {
  const { status, value } = await callUpstream(upstream, MODELS_PATH, { signal });
  if (status === 401 || status === 403) throw refusedKey(upstream, status);
  const list = ModelList.safeParse(value);
  if (!list.success) {
    throw new CortexError(
      'model_load_failed',
      `${upstream.url}${MODELS_PATH} of the harness ${upstream.harness} does not list models (status ${status}). Is it an OpenAI-compatible server?`,
      { transient: true },
    );
  }
  return list.data.data.map(({ id, max_model_len, max_context_length, meta }) => ({
    id,
    contextTokens: max_model_len ?? max_context_length ?? meta?.n_ctx ?? undefined,
  }));
}

/** The error for a server that does not take the key. */
export const refusedKey = ({ harness }: Pick<Upstream, 'harness'>, status: number): CortexError =>
  new CortexError(
    'no_capacity',
    `The server of the harness ${harness} refuses neuron's key (status ${status}): check api_key_file in its [[harnesses]].`,
    { retryAfterS: 60 },
  );

/** What llama-server says about its model. */
export interface ServerProps {
  readonly slots?: number | undefined;
  /** Tokens per slot. */
  readonly contextTokens?: number | undefined;
  readonly hasVision: boolean;
  readonly hasAudio: boolean;
}

const Props = z.looseObject({
  total_slots: z.int().positive().optional().catch(undefined),
  default_generation_settings: z
    .looseObject({ n_ctx: z.int().positive().optional().catch(undefined) })
    .optional()
    .catch(undefined),
  modalities: z
    .looseObject({ vision: z.boolean().optional(), audio: z.boolean().optional() })
    .optional()
    .catch(undefined),
});

/** `GET /props` of llama-server; nothing is known if the server does not have it. */
export async function readServerProps(
  upstream: Upstream,
  signal?: AbortSignal,
): Promise<ServerProps> {
  const { value } = await callUpstream(upstream, '/props', { signal });
  const props = Props.safeParse(value).data;
  return {
    slots: props?.total_slots,
    contextTokens: props?.default_generation_settings?.n_ctx,
    hasVision: props?.modalities?.vision ?? false,
    hasAudio: props?.modalities?.audio ?? false,
  };
}

/** The message of an error body in any of the shapes that servers use; undefined if it has none. */
export function messageOf(value: unknown): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const { error, message, detail } = value;
  if (isJsonObject(error)) return messageOf(error);
  return [error, message, detail].find((text): text is string => typeof text === 'string');
}
