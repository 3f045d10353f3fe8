import { joinUrl } from './endpoint-url.ts';

/** Where an inference request goes. */
export interface InferenceTarget {
  /** Base URL, from the lease. */
  readonly endpoint: string;
  /** With its leading slash, as `/v1/chat/completions`. */
  readonly path: string;
  /** Shared bearer token of the neurons; absent: none is sent. */
  readonly nodeToken?: string;
}

/**
 * Sends an inference request to a neuron, without any deadline: streams may take hours, so idle
 * deadlines are the caller's. Rejects as `fetch` does.
 */
export function sendInference(
  target: InferenceTarget,
  init: { body: Uint8Array<ArrayBuffer>; headers: Headers; signal: AbortSignal },
): Promise<Response> {
  if (target.nodeToken !== undefined) {
    init.headers.set('authorization', `Bearer ${target.nodeToken}`);
  }
  return fetch(joinUrl(target.endpoint, target.path), {
    method: 'POST',
    body: init.body,
    headers: init.headers,
    signal: init.signal,
    redirect: 'manual',
    timeout: false,
  });
}
