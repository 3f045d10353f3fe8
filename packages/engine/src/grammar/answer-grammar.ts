/** Grammars of whole answers: a JSON document, or the tool calls that a caller insists on. */
import { GrammarRules, literal, sequence } from './grammar-rules.ts';
import { jsonSchemaRule } from './json-schema.ts';

export interface CallableTool {
  readonly name: string;
  /** JSON schema of the arguments. */
  readonly parameters: unknown;
}

/** What may stand before the answer proper: reasoning, where the model may still think. */
interface AnswerOptions {
  /** Markers of reasoning that the model may open, or must close when it is within; undefined where it has ended. */
  readonly reasoning?: { readonly open: string; readonly close: string; readonly isOpen: boolean };
}

/** An answer that is one JSON document for `schema`. @throws CortexError naming the keyword that cannot be held. */
export function documentGrammar(schema: unknown, options: AnswerOptions): string {
  const rules = new GrammarRules();
  return rules.format(sequence(thinking(rules, options), jsonSchemaRule(rules, schema)));
}

/** An answer that is at least one call of one of `tools`, exactly one when `isSingle`; as Hermes and Qwen write calls. */
export function toolCallGrammar(
  tools: readonly CallableTool[],
  options: AnswerOptions & { readonly isSingle: boolean },
): string {
  const rules = new GrammarRules();
  const calls = tools.map((tool) => {
    const head = literal(`<tool_call>\n{"name": ${JSON.stringify(tool.name)}, "arguments": `);
    return rules.add(
      'call',
      sequence(head, jsonSchemaRule(rules, tool.parameters), literal('}\n</tool_call>')),
    );
  });
  const call = rules.add('any-call', calls.join(' | '));
  const more = options.isSingle ? '' : `( "\\n" ${call} )*`;
  return rules.format(sequence(thinking(rules, options), call, more));
}

/** Reasoning in front, optional unless it has begun: everything up to the closing marker. */
function thinking(rules: GrammarRules, { reasoning }: AnswerOptions): string {
  if (reasoning === undefined) return '';
  const thought = rules.add('thought', '[^<] | "<" [^/]');
  const rest = sequence(`${thought}*`, literal(reasoning.close), '"\\n"*');
  return reasoning.isOpen ? rest : `( ${sequence(literal(`${reasoning.open}\n`), rest)} )?`;
}
