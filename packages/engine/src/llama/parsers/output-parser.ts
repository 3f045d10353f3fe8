import type { ToolCallDelta } from '../../engine/generate.ts';

/** A piece of an answer, with its kind. */
export type OutputDelta = ContentDelta | { readonly reasoning: string } | ToolDelta;

export interface ContentDelta {
  readonly text: string;
  /** Its offset in the pushed text, in UTF-16 units. */
  readonly at: number;
}

export interface ToolDelta {
  readonly tool: ToolCallDelta;
}

/** How an answer ended: by the model, or by something else (a limit, a cancel). */
export type AnswerEnd = 'finished' | 'cut';

/**
 * Separates reasoning, tool calls and content in a text that arrives in pieces.
 *
 * Invariant: the joined deltas are the same in every chunking. No text is lost: text that cannot be parsed is returned
 * as content.
 */
export interface OutputParser {
  push(text: string): readonly OutputDelta[];
  /** Returns the held text. Nothing is pushed afterwards. */
  end(how: AnswerEnd): readonly OutputDelta[];
  /** Whether the last pushed text was reasoning; used to count reasoning tokens. */
  readonly isReasoning: boolean;
  /** Number of tool calls started so far. */
  readonly toolCalls: number;
  /** Whether the answer ended within the arguments of its last call. */
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

/** Length of the longest suffix of `text` that is a prefix of `marker`. */
export function partialMarker(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length - 1); length > 0; length--) {
    if (marker.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/** Trailing white space is held, because it may belong to a marker. Longer runs are emitted in pieces of this size. */
export const MAX_SPACE_CHARS = 256;

/**
 * The length of `text` that can be emitted before the text after its trailing white space is known; the same in every
 * chunking.
 */
export function lengthBeforeSpace(text: string): number {
  const space = text.length - text.trimEnd().length;
  return text.length - (space % MAX_SPACE_CHARS);
}
