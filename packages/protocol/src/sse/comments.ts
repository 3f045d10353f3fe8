import { NeuronUsage, USAGE_COMMENT } from '../neuron.ts';

/** Sent while there is nothing else to send; clients ignore comments (WHATWG HTML, 9.2.6). */
export const SSE_KEEP_ALIVE = ': keep-alive\n\n';

/** The last event of every OpenAI stream. */
export const SSE_DONE = 'data: [DONE]\n\n';

/** The comment before `[DONE]` by which neuron tells cortex what a stream cost. */
export function formatUsageComment(usage: NeuronUsage): string {
  return `${USAGE_COMMENT}${JSON.stringify(usage)}\n\n`;
}

/** The JSON text of `x-neuron-usage`, or of a usage comment. Undefined when it is not what neuron writes. */
export function parseUsage(text: string): NeuronUsage | undefined {
  try {
    return NeuronUsage.safeParse(JSON.parse(text)).data;
  } catch {
    // A node of another version, or no neuron at all: its tokens are counted instead.
    return undefined;
  }
}

/** The last usage comment in the tail of a stream; undefined when there is none, or it is cut. */
export function parseUsageComment(tail: string): NeuronUsage | undefined {
  const comment = tail
    .split(/\r?\n/)
    .slice(0, -1)
    .findLast((line) => line.startsWith(USAGE_COMMENT));
  return comment === undefined ? undefined : parseUsage(comment.slice(USAGE_COMMENT.length));
}
