import type { ControlTexts } from './control-texts.ts';

/** A prompt as a template renders it. */
export interface RenderedPrompt {
  readonly text: string;
  /** Positions that no control token reaches across: each lies within the text of one that came from the caller. Ascending. */
  readonly breaks: readonly number[];
}

export interface PromptPart {
  readonly text: string;
  /** Texts of control tokens stand for those tokens. */
  readonly parseSpecial: boolean;
}

export interface PromptControls {
  readonly all: ControlTexts;
  /** The library reads them in plain text too. */
  readonly alwaysRead: ControlTexts;
}

/**
 * Cuts a prompt into parts whose tokens together are those of the prompt, with control tokens only where the template wrote
 * them.
 *
 * A part without control tokens reaches from one control token of the template to the next. The vocabulary starts anew behind
 * a control token, so such a cut changes no token. A text that the library reads as a token even in plain text is cut in two.
 * Cuts depend only on the text before them: prompts that begin alike have the same first parts.
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
