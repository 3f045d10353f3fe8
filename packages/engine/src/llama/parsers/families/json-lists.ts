/** Families whose calls are JSON objects in a list between markers. */
import { type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { readJsonCall } from '../json-calls.ts';
import { readNamedCall } from './named-call.ts';
import { type CallList, readLists } from './list-script.ts';
import type { CallsRequest, ToolFamily } from './tool-family.ts';

/** The form of calls: the text before, between and after them, and around their arguments. */
export interface ListForm {
  readonly begin: string;
  readonly separator: string;
  readonly end: string;
  /** GBNF. */
  beginCall(name: string): string;
  readonly endCall: string;
}

/** GBNF of a list of calls. @throws CortexError naming the keyword that cannot be enforced. */
export function callListRule(
  rules: GrammarRules,
  { tools, isSingle, form }: CallsRequest & { readonly form: ListForm },
): string {
  const calls = tools.map((tool) => {
    const args = jsonSchemaRule(rules, tool.parameters);
    return rules.add('call', sequence(form.beginCall(tool.name), args, literal(form.endCall)));
  });
  const call = rules.add('any-call', calls.join(' | '));
  const more = isSingle ? '' : `( ${literal(form.separator)} ${call} )*`;
  const end = form.end === '' ? '' : literal(form.end);
  return sequence(literal(form.begin), call, more, end);
}

interface ListFamily {
  readonly name: string;
  isFamilyOf(template: string): boolean;
  readonly list: Omit<CallList, 'readCall'>;
  readonly form: ListForm;
  readonly readCall?: CallList['readCall'];
  readonly describeTools?: NonNullable<ToolFamily['describeTools']>;
}

/** Calls with the name of the tool first. */
export const BY_NAME: Pick<ListForm, 'beginCall' | 'endCall'> = {
  beginCall: (name) => literal(`{"name": ${JSON.stringify(name)}, "arguments": `),
  endCall: '}',
};

function listFamily({ list, form, readCall, ...family }: ListFamily): ToolFamily {
  const whole: CallList = {
    ...list,
    readCall: readCall ?? ((text) => readJsonCall(text, () => true)),
  };
  return {
    ...family,
    markers: [...list.opens, ...list.closes],
    closers: list.closes,
    readAnswer: () => (text) => readLists(text, whole),
    callsRule: (rules, request) => callListRule(rules, { ...request, form }),
  };
}

/** Granite 3: `<|tool_call|>[{"name": …, "arguments": {…}}, …]`, and nothing after it. */
export const GRANITE: ToolFamily = listFamily({
  name: 'granite',
  isFamilyOf: (template) => template.includes('<|tool_call|>'),
  list: { opens: ['<|tool_call|>'], closes: [] },
  form: { ...BY_NAME, begin: '<|tool_call|>[', separator: ', ', end: ']' },
});

/**
 * Phi-4-mini: `<|tool_call|>[{"name": …, "arguments": {…}}, …]<|/tool_call|>`, or the list after `functools`.
 *
 * Its template reads tools from a member of the system message that no client sends, so the engine puts them there.
 */
export const PHI: ToolFamily = listFamily({
  name: 'phi',
  isFamilyOf: (template) => template.includes('<|/tool|>'),
  list: { opens: ['<|tool_call|>', 'functools'], closes: ['<|/tool_call|>'] },
  form: { ...BY_NAME, begin: '<|tool_call|>[', separator: ', ', end: ']<|/tool_call|>' },
  describeTools: (tools, asText) =>
    `You are a helpful assistant with some tools.<|tool|>${asText(JSON.stringify(tools))}<|/tool|>`,
});

/** Nemotron Nano 2: `<TOOLCALL>[{"name": …, "arguments": {…}}, …]</TOOLCALL>`. */
export const NEMOTRON: ToolFamily = listFamily({
  name: 'nemotron',
  isFamilyOf: (template) => template.includes('<TOOLCALL>['),
  list: { opens: ['<TOOLCALL>'], closes: ['</TOOLCALL>'] },
  form: { ...BY_NAME, begin: '<TOOLCALL>[', separator: ', ', end: ']</TOOLCALL>' },
});

/** MiniMax M1: `<tool_calls>`, one `{"name": …, "arguments": {…}}` per line, `</tool_calls>`. */
export const MINIMAX_M1: ToolFamily = listFamily({
  name: 'minimax-m1',
  isFamilyOf: (template) =>
    template.includes('<tool_calls>') && template.includes('<args-json-object>'),
  list: { opens: ['<tool_calls>'], closes: ['</tool_calls>'] },
  form: { ...BY_NAME, begin: '<tool_calls>\n', separator: '\n', end: '\n</tool_calls>' },
});

/** Apertus: `<|tools_prefix|>[{"name": {…}}, …]<|tools_suffix|>`. */
export const APERTUS: ToolFamily = listFamily({
  name: 'apertus',
  isFamilyOf: (template) => template.includes('<|tools_prefix|>'),
  list: { opens: ['<|tools_prefix|>'], closes: ['<|tools_suffix|>'] },
  readCall: readNamedCall,
  form: {
    begin: '<|tools_prefix|>[',
    separator: ', ',
    end: ']<|tools_suffix|>',
    beginCall: (name) => literal(`{${JSON.stringify(name)}: `),
    endCall: '}',
  },
});
