import { expect, test } from 'bun:test';

import {
  answerOf,
  ask,
  chatOf,
  holdSlot,
  loadFresh,
  rest,
  type Section,
  until,
} from '../subject.ts';

export const fairness: Section = (subject) => {
  test('principals take turns, however many requests each has', async () => {
    const engine = await loadFresh(subject(), 1);
    const holder = await holdSlot(engine, { principal: 'key:many' });
    const waitedMs = new Map<string, number>();
    const queue = async (name: string, principal: string) => {
      const stream = ask(engine, chatOf(4), { principal })[Symbol.asyncIterator]();
      await until(stream, 'accepted');
      return async () => {
        for await (const event of rest(stream)) {
          if (event.type === 'done') waitedMs.set(name, event.timings.queueMs);
        }
      };
    };
    const read = [
      await queue('many-1', 'key:many'),
      await queue('many-2', 'key:many'),
      await queue('many-3', 'key:many'),
      await queue('few-1', 'key:few'),
    ];

    await Promise.all([holder.release(), ...read.map((readRest) => readRest())]);

    // It came later and started earlier. On a busy machine answers may be read in another order than they ended.
    expect(waitedMs.get('few-1')).toBeLessThan(waitedMs.get('many-2') ?? 0);
    expect(waitedMs.size).toBe(4);
    await engine.close(0);
  });

  test('a generating request continues during the prefill of another', async () => {
    const { engine } = subject();
    const stream = ask(engine, chatOf(60))[Symbol.asyncIterator]();
    await until(stream, 'items');
    const long = chatOf(4, { messages: [{ role: 'user', content: 'light '.repeat(150) }] });

    const [first, second] = await Promise.all([until(stream, 'done'), answerOf(ask(engine, long))]);

    expect(first).toMatchObject({ usage: { completionTokens: 60 } });
    expect(second.last.usage.completionTokens).toBe(4);
  });
};
