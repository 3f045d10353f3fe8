import { expect, test } from 'bun:test';

import {
  answerOf,
  ask,
  chat,
  chatOf,
  CONTEXT_TOKENS,
  holdSlot,
  refusalOf,
  type Section,
  SLOTS,
} from '../subject.ts';

export const limits: Section = (subject) => {
  test('a full context ends an answer with length, whatever max_tokens says', async () => {
    const { last } = await answerOf(ask(subject().engine, chatOf(1_000_000)));

    expect(last.finish).toEqual([{ reason: 'length' }]);
    const used = last.usage.promptTokens + last.usage.completionTokens;
    expect(used).toBeWithin(CONTEXT_TOKENS - 1, CONTEXT_TOKENS + 2);
  });

  test('a prompt that can never fit is refused with the maximum context length', async () => {
    const refusal = await refusalOf(ask(subject().engine, tooLong()));

    expect(refusal).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
    expect(refusal.message).toContain(`maximum context length is ${CONTEXT_TOKENS} tokens`);
  });

  test('a prompt that can never fit is refused before it waits for a slot', async () => {
    const { engine } = subject();
    const holders = await Promise.all(Array.from({ length: SLOTS }, () => holdSlot(engine)));

    const refusal = await refusalOf(ask(engine, tooLong()));

    expect(refusal.code).toBe('context_length_exceeded');
    await Promise.all(holders.map((holder) => holder.release()));
  });
};

const tooLong = () => chat('far too long '.repeat(CONTEXT_TOKENS));
