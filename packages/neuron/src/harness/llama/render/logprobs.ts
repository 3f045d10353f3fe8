import type { TokenLogprob } from '@cortex/engine';

/** `logprobs` of a chat choice. */
export function toChatLogprobs(logprobs: readonly TokenLogprob[]): Record<string, unknown> {
  return {
    content: logprobs.map((entry) => ({
      token: entry.token,
      logprob: entry.logprob,
      bytes: entry.bytes,
      top_logprobs: entry.top ?? [],
    })),
  };
}

/** `logprobs` of a completion choice; `textOffset` is where its text starts, in characters. */
export function toCompletionLogprobs(
  logprobs: readonly TokenLogprob[],
  textOffset: number,
): Record<string, unknown> {
  let offset = textOffset;
  const offsets = logprobs.map((entry) => {
    const start = offset;
    offset += entry.token.length;
    return start;
  });
  return {
    tokens: logprobs.map((entry) => entry.token),
    token_logprobs: logprobs.map((entry) => entry.logprob),
    top_logprobs: logprobs.map((entry) =>
      Object.fromEntries((entry.top ?? []).map((top) => [top.token, top.logprob])),
    ),
    text_offset: offsets,
  };
}
