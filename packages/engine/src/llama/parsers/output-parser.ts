import type { ToolCallDelta } from '../../engine.ts';

/** A piece of an answer, told apart. */
export type OutputDelta = ContentDelta | { readonly reasoning: string } | ToolDelta;

export interface ContentDelta {
  readonly text: string;
  /** Where it stands in all that was pushed, in UTF-16 units. */
  readonly at: number;
}

export interface ToolDelta {
  readonly tool: ToolCallDelta;
}

/** How an answer ended: the model said so, or something else did (a limit, a cancel). */
export type AnswerEnd = 'finished' | 'cut';

/**
 * Tells reasoning, tool calls and content apart in a text that comes in pieces.
 *
 * Law: however the text is cut into pieces, the deltas joined are the same. Nothing is lost: what cannot be read comes back
 * as content.
 */
export interface OutputParser {
  push(text: string): readonly OutputDelta[];
  /** What was held back. Nothing is pushed after it. */
  end(how: AnswerEnd): readonly OutputDelta[];
  /** Whether the text pushed last was reasoning; counts reasoning tokens. */
  readonly isReasoning: boolean;
  /** Tool calls begun so far. */
  readonly toolCalls: number;
  /** The answer ended within the arguments of its last call. */
  readonly isCallCut: boolean;
}

/** Everything is content: completions, and models whose template has no markers. */
export class PlainParser implements OutputParser {
  readonly isReasoning = false;
  readonly toolCalls = 0;
  readonly isCallCut = false;
  #at = 0;

  push(text: string): readonly OutputDelta[] {
    const at = this.#at;
    this.#at += text.length;
    return text === '' ? [] : [{ text, at }];
  }

  end(): readonly OutputDelta[] {
    return [];
  }
}

/** How much of the end of `text` may be the start of `marker`. */
export function partialMarker(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length - 1); length > 0; length--) {
    if (marker.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/** White space at the end of a text may belong to a marker that follows. A longer run of it goes out, in such pieces. */
export const MAX_SPACE_CHARS = 256;

/** How much of `text` goes out before it is known what follows the white space at its end; wherever it was cut. */
export function lengthBeforeSpace(text: string): number {
  const space = text.length - text.trimEnd().length;
  return text.length - (space % MAX_SPACE_CHARS);
}
