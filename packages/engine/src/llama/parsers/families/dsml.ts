import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { dsmlCallRule } from './dsml-arguments.ts';
import { type InvokeForm, readInvokes } from './invoke-script.ts';
import type { ToolFamily } from './tool-family.ts';

/** Part of every tag; one token of the vocabulary. */
const MARK = '｜DSML｜';

/** DeepSeek V3.2: `<｜DSML｜function_calls>`, and calls whose parameters state whether they are strings. */
export const DEEPSEEK_DSML: ToolFamily = dsmlFamily('deepseek-dsml', 'function_calls');

/** DeepSeek V4: the same after `<｜DSML｜tool_calls>`. */
export const DEEPSEEK_V4: ToolFamily = dsmlFamily('deepseek-v4', 'tool_calls');

function dsmlFamily(name: string, section: string): ToolFamily {
  const open = `<${MARK}${section}>`;
  const close = `</${MARK}${section}>`;
  const form: InvokeForm = {
    section: { open, close },
    invoke: `<${MARK}invoke name="`,
    endInvoke: `</${MARK}invoke>`,
    parameter: `<${MARK}parameter name="`,
    endParameter: `</${MARK}parameter>`,
  };
  return {
    name,
    isFamilyOf: (template) => template.includes(MARK) && template.includes(`'${section}>`),
    markers: [MARK, open, close],
    closers: [form.endInvoke, close],
    readAnswer:
      ({ tools }) =>
      (text) =>
        readInvokes(text, { form, tools }),
    callsRule(rules, { tools, isSingle }) {
      const calls = tools.map((tool) => dsmlCallRule(rules, tool, form));
      const call = rules.add('any-call', calls.join(' | '));
      const more = isSingle ? '' : `( "\\n" ${call} )*`;
      return sequence(literal(`${open}\n`), call, more, literal(`\n${close}`));
    },
  };
}
