import { readJsonCall } from '../json-calls.ts';
import { BY_NAME, callListRule } from './json-lists.ts';
import { type CallList, readLists } from './list-script.ts';
import type { ToolFamily } from './tool-family.ts';

const ROLE = 'function call<|role_sep|>';
const CALL = '<|function_call|>';
/** Ends every message. At the end of an answer it is silent, like other end tokens. */
const END = '<|message_sep|>';

/** GigaChat 3: a separate message after the answer, `function call<|role_sep|>{"name": …, "arguments": {…}}`. */
export const GIGACHAT: ToolFamily = gigachat('gigachat', {
  // The template prints the first one.
  opens: [`${END}\n\n${ROLE}`, ROLE],
  separator: '\n',
  markers: ['<|role_sep|>'],
  isFamilyOf: (template) => template.includes('<|role_sep|>') && template.includes(END),
});

/** GigaChat 3.1: `<|function_call|>{"name": …, "arguments": {…}}` within the answer. */
export const GIGACHAT_3_1: ToolFamily = gigachat('gigachat-3.1', {
  opens: [CALL],
  separator: '',
  markers: [CALL],
  isFamilyOf: (template) => template.includes(END) && template.includes(CALL),
});

interface GigachatForm extends Pick<ToolFamily, 'markers' | 'isFamilyOf'> {
  readonly opens: readonly [string, ...string[]];
  /** Between marker and call. */
  readonly separator: '\n' | '';
}

/** One call per turn, as in the templates. */
function gigachat(
  name: string,
  { opens, separator, markers, isFamilyOf }: GigachatForm,
): ToolFamily {
  const list: CallList = {
    opens,
    closes: [END],
    readCall: (text) => readJsonCall(text, () => true),
  };
  const form = { ...BY_NAME, begin: opens[0] + separator, separator: '', end: '' };
  return {
    name,
    isFamilyOf,
    markers,
    readAnswer: () => (text) => readLists(text, list),
    callsRule: (rules, { tools }) => callListRule(rules, { tools, isSingle: true, form }),
  };
}
