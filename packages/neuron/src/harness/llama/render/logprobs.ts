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

/**
 * `logprobs` of a completion choice; `textOffset` is the start of its text, in characters.
 *
 * If two tokens have the same text, the likelier one is shown.
 */
export function toCompletionLogprobs(
  logprobs: readonly TokenLogprob[],
  textOffset: number,
): Record<string, unknown> {
  let offset = textOffset;
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const offsets = logprobs.map(({ bytes }) => {
    const start = offset;
    // A part of a character has no length; the last part has that of the character.
    offset += decoder.decode(Uint8Array.from(bytes), { stream: true }).length;
    return start;
  });
  return {
    tokens: logprobs.map((entry) => entry.token),
    token_logprobs: logprobs.map((entry) => entry.logprob),
    top_logprobs: logprobs.map((entry) =>
      Object.fromEntries((entry.top ?? []).toReversed().map((top) => [top.token, top.logprob])),
    ),
    text_offset: offsets,
  };
}
