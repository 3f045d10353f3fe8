import { literal, sequence } from '../../../grammar/grammar-rules.ts';
import { CLOSE, OPEN, QUOTE, readGemma } from './gemma-script.ts';
import { gemmaObjectRule } from './gemma-values.ts';
import type { ToolFamily } from './tool-family.ts';

/** Gemma 4: `<|tool_call>call:name{key:<|"|>text<|"|>,other:1}<tool_call|>`, repeated. */
export const GEMMA: ToolFamily = {
  name: 'gemma',
  isFamilyOf: (template) => template.includes(`${OPEN}call:`),
  markers: [OPEN, CLOSE, QUOTE],
  closers: [CLOSE],
  readAnswer: () => readGemma,
  callsRule(rules, { tools, isSingle }) {
    const calls = tools.map((tool) => {
      const args = gemmaObjectRule(rules, tool.parameters);
      return rules.add('call', sequence(literal(`${OPEN}call:${tool.name}`), args, literal(CLOSE)));
    });
    const call = rules.add('any-call', calls.join(' | '));
    return sequence(call, isSingle ? '' : `${call}*`);
  },
};
