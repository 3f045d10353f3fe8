/** Sends one inference request to an external server. */
import type { CortexError } from '@cortex/protocol';

import { planForward } from './forward-body.ts';
import { toCortexError } from './upstream-error.ts';
import type { UpstreamServing } from './upstream-target.ts';

/** Headers of the caller that the server gets; credentials and identity are not among them. */
const FORWARDED = ['content-type', 'accept'] as const;

/** How servers refuse a field that they do not know. */
const REFUSED_FIELD: ReadonlySet<number> = new Set([400, 422]);
/** What the text of a refusal may say that no field is the reason for: the request is not sent again. */
const OTHER_REASONS: ReadonlySet<string> = new Set([
  'context_length_exceeded',
  'vision_unsupported',
]);

function toHeaders({ target, request }: UpstreamServing): Headers {
  const headers = new Headers(target.upstream.headers);
  for (const name of FORWARDED) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  headers.set('accept-encoding', 'identity');
  headers.set('x-request-id', request.requestId);
  return headers;
}

async function post(
  serving: UpstreamServing,
  parts: readonly Uint8Array<ArrayBuffer>[],
  signal: AbortSignal,
): Promise<Response> {
  const { route, target } = serving;
  try {
    return await fetch(target.upstream.url + route, {
      method: 'POST',
      headers: toHeaders(serving),
      // To send the bytes themselves takes another, slower copy of a large body.
      body: new Blob([...parts]),
      redirect: 'manual',
      // A connection that the server closes meanwhile would fail the next request on it.
      keepalive: false,
      timeout: false,
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw target.loss();
  }
}

/**
 * Some servers refuse every request with a field or an effort that they do not know. A refusal is answered with a
 * request without it, until the server has shown what it takes.
 *
 * @throws CortexError what the server refused, or why it could not be asked; the reason of `signal`
 */
export async function fetchUpstream(
  serving: UpstreamServing,
  signal: AbortSignal,
): Promise<Response> {
  const body = await planForward(serving);
  const forms = serving.target.takenFields.open(body.options);
  for (;;) {
    const answer = await post(serving, await body.toParts(forms.form), signal);
    if (answer.ok) {
      forms.taken();
      return answer;
    }
    const failure = await readFailure(serving, answer);
    const isOfField = REFUSED_FIELD.has(answer.status) && !OTHER_REASONS.has(failure.code);
    if (!isOfField || !forms.refused()) throw failure;
  }
}

async function readFailure({ target }: UpstreamServing, answer: Response): Promise<CortexError> {
  const text = await answer.text().catch(() => '');
  const retryAfterS = Number(answer.headers.get('retry-after') ?? Number.NaN);
  return toCortexError({
    harness: target.upstream.harness,
    modelId: target.modelId,
    contextTokens: target.contextTokens,
    status: answer.status,
    value: parse(text),
    retryAfterS: Number.isFinite(retryAfterS) ? retryAfterS : undefined,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
