import { ChatCompletion, ChatCompletionChunk, ErrorEnvelope, readEvents } from '@cortex/protocol';

export interface ChatBody {
  readonly model?: string;
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
  readonly [field: string]: unknown;
}

const withDefaults = (body: ChatBody): ChatBody => ({
  model: 'cortex-tiny',
  messages: [{ role: 'user', content: 'What is cortex?' }],
  temperature: 0,
  ...body,
});

/** Sends a chat request as any client would. The caller reads the answer. */
export function post(api: string, body: ChatBody, init: RequestInit = {}): Promise<Response> {
  return fetch(`${api}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(withDefaults(body)),
    ...init,
  });
}

/** A complete answer. @throws when it is not one */
export async function askWhole(api: string, body: ChatBody = {}): Promise<ChatCompletion> {
  const response = await post(api, body);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return ChatCompletion.parse(JSON.parse(text));
}

/** The content and the timing of a stream. */
export interface StreamReport {
  readonly status: number;
  readonly text: string;
  /** Milliseconds from the request to each chunk with content. */
  readonly contentMs: readonly number[];
  /** Milliseconds from the request to the first byte of the body. */
  readonly firstByteMs: number;
  /** Longest silence after the first byte, in milliseconds. */
  readonly longestGapMs: number;
  readonly hasDone: boolean;
  readonly finish: string | undefined;
  readonly error: ErrorEnvelope['error'] | undefined;
}

/**
 * Reads a stream to its end, or until the other side or `signal` ends it. `onContent` gets the number of chunks
 * with content so far; reading pauses until it resolves.
 */
export async function askStream(
  api: string,
  body: ChatBody = {},
  init: RequestInit & { readonly onContent?: (chunks: number) => void | Promise<void> } = {},
): Promise<StreamReport> {
  const { onContent, ...requestInit } = init;
  const startMs = performance.now();
  const response = await post(api, { ...body, stream: true }, requestInit);
  const report = {
    status: response.status,
    text: '',
    contentMs: [] as number[],
    firstByteMs: Number.POSITIVE_INFINITY,
    longestGapMs: 0,
    hasDone: false,
    finish: undefined as string | undefined,
    error: undefined as ErrorEnvelope['error'] | undefined,
  };
  const { body: stream } = response;
  if (stream === null) return report;
  let lastMs = startMs;
  async function* timed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream ?? []) {
      const nowMs = performance.now();
      if (report.firstByteMs === Number.POSITIVE_INFINITY) report.firstByteMs = nowMs - startMs;
      else report.longestGapMs = Math.max(report.longestGapMs, nowMs - lastMs);
      lastMs = nowMs;
      yield chunk;
    }
  }
  if (!(response.headers.get('content-type') ?? '').includes('text/event-stream')) {
    const failed = ErrorEnvelope.safeParse(await response.json());
    return { ...report, error: failed.data?.error };
  }
  for await (const events of readEvents(timed())) {
    for (const { data } of events) {
      if (data === '[DONE]') {
        report.hasDone = true;
        continue;
      }
      const json: unknown = JSON.parse(data);
      const failed = ErrorEnvelope.safeParse(json);
      if (failed.success) {
        report.error = failed.data.error;
        continue;
      }
      const [choice] = ChatCompletionChunk.parse(json).choices;
      report.finish = choice?.finish_reason ?? report.finish;
      const content = choice?.delta.content;
      if (content) {
        report.text += content;
        report.contentMs.push(performance.now() - startMs);
        await onContent?.(report.contentMs.length);
      }
    }
  }
  return report;
}

/** Text that every good answer to "What is cortex?" contains. */
export const GOOD_ANSWER = /gateway|control plane/i;
