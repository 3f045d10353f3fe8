import type { FinishReason, StepItem } from '@cortex/engine';

import type { ScriptedBody } from './read-body.ts';

const WORDS = [
  ' light',
  ' and',
  ' the',
  ' 🙂',
  ' über',
  ' neuron',
  ' answers',
  ' at',
  ' night',
  ',',
];

/** Tokens after which an answer ends: 16 to 47, depending on the prompt. */
const EOS_BASE = 16;
const EOS_SPREAD = 32;

/** A pseudo model: the same text for the same prompt, and with sampling a different one per seed. */
export function* writeAnswer(body: ScriptedBody): Generator<StepItem, FinishReason> {
  const sampled = body.temperature > 0;
  const seed = sampled ? (body.seed ?? Math.floor(Math.random() * 2 ** 31)) : 0;
  let state = hash(`${body.prompt}\u0000${seed}`);
  const next = (range: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % range;
  };
  if (body.thinks) {
    for (const reasoning of ['Let', ' me', ' see', '.']) yield { reasoning };
  }
  if (body.tool !== undefined) return yield* callTool(body.tool);
  const length = EOS_BASE + (hash(body.prompt) % EOS_SPREAD);
  for (let count = 0; body.ignoresEos || count < length; count++) {
    yield { text: WORDS[next(WORDS.length)] ?? '' };
  }
  return 'stop';
}

function* callTool(name: string): Generator<StepItem, FinishReason> {
  yield { tool: { index: 0, id: 'call_0', name } };
  for (const piece of ['{"city"', ': "Bonn"', '}']) yield { tool: { index: 0, arguments: piece } };
  return 'tool_calls';
}

function hash(text: string): number {
  let value = 2_166_136_261;
  for (const character of text)
    value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 16_777_619);
  return value >>> 0;
}
