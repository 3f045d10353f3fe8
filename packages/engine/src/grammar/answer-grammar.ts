/** Grammars of whole answers: a JSON document, or enforced tool calls. */
import { GrammarRules, literal, sequence } from './grammar-rules.ts';
import { jsonSchemaRule } from './json-schema.ts';
import { textUntil } from './text-until.ts';

export interface CallableTool {
  readonly name: string;
  /** JSON schema of the arguments. */
  readonly parameters: unknown;
}

/** What may surround the document or the calls. */
export interface AnswerFrame {
  /**
   * Markers of reasoning that the model may open, or that it must close if reasoning is open; undefined after its end.
   */
  readonly reasoning?: { readonly open: string; readonly close: string; readonly isOpen: boolean };
  /** For models that write in channels: puts the answer, including reasoning, into its channel. */
  readonly channel?: (rules: GrammarRules, answer: string) => string;
}

/** An answer that is one JSON document for `schema`. @throws CortexError naming the keyword that cannot be enforced. */
export function documentGrammar(schema: unknown, frame: AnswerFrame): string {
  const rules = new GrammarRules();
  return rules.format(framed(rules, frame, jsonSchemaRule(rules, schema)));
}

/** An answer that consists only of tool calls, in the form of `callsRule` of the family. */
export function toolCallGrammar(
  callsRule: (rules: GrammarRules) => string,
  frame: AnswerFrame,
): string {
  const rules = new GrammarRules();
  return rules.format(framed(rules, frame, callsRule(rules)));
}

/** An answer that is either tool calls or a JSON document. */
export function documentOrCallsGrammar(
  schema: unknown,
  callsRule: (rules: GrammarRules) => string,
  frames: { readonly document: AnswerFrame; readonly calls: AnswerFrame },
): string {
  const rules = new GrammarRules();
  const document = framed(rules, frames.document, jsonSchemaRule(rules, schema));
  const calls = framed(rules, frames.calls, callsRule(rules));
  return rules.format(`${document} | ${calls}`);
}

function framed(rules: GrammarRules, { reasoning, channel }: AnswerFrame, answer: string): string {
  if (channel !== undefined) return channel(rules, answer);
  if (reasoning === undefined) return answer;
  const rest = sequence(textUntil(rules, reasoning.close), '"\\n"*');
  const thinking = reasoning.isOpen
    ? rest
    : `( ${sequence(literal(`${reasoning.open}\n`), rest)} )?`;
  return sequence(thinking, answer);
}
