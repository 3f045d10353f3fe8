/** Grammars of whole answers: a JSON document, or the tool calls that a caller insists on. */
import { GrammarRules, literal, sequence } from './grammar-rules.ts';
import { jsonSchemaRule } from './json-schema.ts';
import { textUntil } from './text-until.ts';

export interface CallableTool {
  readonly name: string;
  /** JSON schema of the arguments. */
  readonly parameters: unknown;
}

/** What may stand around the answer proper. */
export interface AnswerFrame {
  /** Markers of reasoning that the model may open, or must close when it is within; undefined where it has ended. */
  readonly reasoning?: { readonly open: string; readonly close: string; readonly isOpen: boolean };
  /** Set where the model writes in channels: puts the answer into its channel, reasoning included. */
  readonly channel?: (rules: GrammarRules, answer: string) => string;
}

/** An answer that is one JSON document for `schema`. @throws CortexError naming the keyword that cannot be held. */
export function documentGrammar(schema: unknown, frame: AnswerFrame): string {
  const rules = new GrammarRules();
  return rules.format(framed(rules, frame, jsonSchemaRule(rules, schema)));
}

/** An answer that is nothing but tool calls, as `callsRule` of the model's family writes them. */
export function toolCallGrammar(
  callsRule: (rules: GrammarRules) => string,
  frame: AnswerFrame,
): string {
  const rules = new GrammarRules();
  return rules.format(framed(rules, frame, callsRule(rules)));
}

/** An answer that is either: the model calls a tool first, or answers at once. */
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
