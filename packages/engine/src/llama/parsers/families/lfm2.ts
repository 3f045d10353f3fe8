import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { pythonArgumentsRule } from './lfm2-arguments.ts';
import { CLOSE, OPEN, readLfm2 } from './lfm2-script.ts';
import type { ToolFamily } from './tool-family.ts';

/** LFM2 and LFM2.5: `<|tool_call_start|>[name(key="text", other=1), name()]<|tool_call_end|>`. */
export const LFM2: ToolFamily = {
  name: 'lfm2',
  // Most templates of these models print no calls, so the list of tools identifies the family.
  isFamilyOf: (template) =>
    template.includes(OPEN) || /"List of tools: (?:<\|tool_list_start\|>)?\[/.test(template),
  markers: [OPEN, CLOSE],
  closers: [CLOSE],
  readAnswer: () => readLfm2,
  callsRule(rules, { tools, isSingle }) {
    const calls = tools.map((tool) => {
      const args = pythonArgumentsRule(rules, tool.parameters);
      return rules.add('call', sequence(literal(`${tool.name}(`), args, '")"'));
    });
    const call = rules.add('any-call', calls.join(' | '));
    const more = isSingle ? '' : `( ", " ${call} )*`;
    return sequence(literal(`${OPEN}[`), call, more, literal(`]${CLOSE}`));
  },
};
