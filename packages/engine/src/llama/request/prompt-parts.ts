import type { ControlTexts } from './control-texts.ts';

/** A prompt as a template renders it. */
export interface RenderedPrompt {
  readonly text: string;
  /** Positions that no control token may span, each within control-token text of the caller. Ascending. */
  readonly breaks: readonly number[];
}

export interface PromptPart {
  readonly text: string;
  /** Texts of control tokens are read as those tokens. */
  readonly parseSpecial: boolean;
}

export interface PromptControls {
  readonly all: ControlTexts;
  /** Texts that the library reads as tokens in plain text too. */
  readonly alwaysRead: ControlTexts;
}

/**
 * Splits a prompt into parts whose tokens together are those of the prompt, with control tokens only where the template
 * wrote them.
 *
 * A part without control tokens reaches from one control token of the template to the next. No token spans a control
 * token, so such a split changes no token. A text that the library reads as a token even in plain text is split in two.
 * Splits depend only on the text before them, so prompts with a common prefix have the same first parts.
 */
export function partsOfPrompt(
  { text, breaks }: RenderedPrompt,
  { all, alwaysRead }: PromptControls,
): readonly PromptPart[] {
  const parts: PromptPart[] = [];
  let done = 0;
  const add = (end: number, parseSpecial: boolean): void => {
    if (end > done) parts.push({ text: text.slice(done, end), parseSpecial });
    done = end;
  };
  let next = 0;
  let from = 0;
  const endStretch = (end: number): void => {
    if ((breaks[next] ?? Infinity) >= end) return;
    add(from, true);
    for (let at = breaks[next]; at !== undefined && at < end; at = breaks[++next])
      if (alwaysRead.isAt(text, at - 1)) add(at, false);
    add(end, false);
  };
  for (const { start, end } of breaks.length === 0 ? [] : all.in(text, breaks)) {
    endStretch(start);
    from = end;
  }
  endStretch(text.length);
  add(text.length, true);
  return parts;
}
