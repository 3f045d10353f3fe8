import type { ControlTexts } from './control-texts.ts';

/** A prompt as a template renders it. */
export interface RenderedPrompt {
  readonly text: string;
  /** Places within texts of control tokens that are no control tokens: they came with the conversation. Ascending. */
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
 * Cuts a prompt so that the tokens of its parts are those of the whole, with control tokens only where the template wrote
 * them: what holds such a text from elsewhere reaches from one control token to the next.
 *
 * One that the library reads in plain text is cut in two. The vocabulary begins anew behind a control token in any case, so that a cut there changes no token. What is cut depends on
 * nothing behind it: prompts that begin alike have the same parts.
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
