import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { readDeepSeek, SPELLINGS, spelled } from './deepseek-script.ts';
import type { DescribedTool, ToolFamily } from './tool-family.ts';

const { callsBegin, callsEnd, callBegin, callEnd, sep } = spelled('｜', '▁');
const MARKERS = Object.values(SPELLINGS).flat();
const CLOSERS = [...SPELLINGS.callEnd, ...SPELLINGS.callsEnd];
const FENCE = '```';

/** Most templates of these models expect the tools in the system prompt. The form is DeepSeek's own. */
function describeTools(
  tools: readonly DescribedTool[],
  { form, asText }: { readonly form: string; readonly asText: (text: string) => string },
): string {
  const described = tools.map(({ name, description, parameters }) =>
    asText(
      `### ${name}\nDescription: ${description ?? ''}\n\nParameters: ${JSON.stringify(parameters)}\n`,
    ),
  );
  return [
    '## Tools\nYou have access to the following tools:\n',
    ...described,
    'IMPORTANT: ALWAYS adhere to this exact format for tool use:',
    form,
    '\nThe name must be one of the tools above, the arguments valid JSON for its parameters.',
  ].join('\n');
}

/** DeepSeek V3 and R1, distils included: `function<｜tool▁sep｜>name` and the arguments in a fence. */
export const DEEPSEEK_R1: ToolFamily = {
  name: 'deepseek-r1',
  isFamilyOf: (template) => template.includes(callsBegin) && template.includes('```json'),
  markers: MARKERS,
  closers: CLOSERS,
  readAnswer: () => readDeepSeek,
  callsRule(rules, { tools, isSingle }) {
    const calls = tools.map((tool) => {
      const head = literal(`${callBegin}function${sep}${tool.name}\n${FENCE}json\n`);
      const args = jsonSchemaRule(rules, tool.parameters);
      return rules.add('call', sequence(head, args, literal(`\n${FENCE}${callEnd}`)));
    });
    const call = rules.add('any-call', calls.join(' | '));
    const more = isSingle ? '' : `( "\\n" ${call} )*`;
    return sequence(literal(callsBegin), call, more, literal(callsEnd));
  },
  describeTools: (tools, asText) => {
    const call = `${callBegin}function${sep}tool_name\n${FENCE}json\n{"argument": "value"}\n${FENCE}${callEnd}`;
    return describeTools(tools, { form: callsBegin + call + callsEnd, asText });
  },
};

/** DeepSeek V3.1: `name<｜tool▁sep｜>{…}`. */
export const DEEPSEEK: ToolFamily = {
  name: 'deepseek',
  isFamilyOf: (template) => template.includes(callsBegin),
  markers: MARKERS,
  closers: CLOSERS,
  readAnswer: () => readDeepSeek,
  callsRule(rules, { tools, isSingle }) {
    const calls = tools.map((tool) => {
      const head = literal(`${callBegin}${tool.name}${sep}`);
      const args = jsonSchemaRule(rules, tool.parameters);
      return rules.add('call', sequence(head, args, literal(callEnd)));
    });
    const call = rules.add('any-call', calls.join(' | '));
    return sequence(literal(callsBegin), call, isSingle ? '' : `${call}*`, literal(callsEnd));
  },
  describeTools: (tools, asText) => {
    const call = `${callBegin}tool_name${sep}{"argument": "value"}${callEnd}`;
    return describeTools(tools, { form: callsBegin + call + callsEnd, asText });
  },
};
