import { expect, test } from 'bun:test';

import { answerOf, ask, chatOf, idle, type Section, statsWhere, until } from '../subject.ts';

export const flow: Section = (subject) => {
  test('a consumer that takes nothing pauses only its own request', async () => {
    const { engine } = subject();
    const slow = ask(engine, chatOf(300))[Symbol.asyncIterator]();
    await until(slow, 'items');

    const fast = await answerOf(ask(engine, chatOf(250)));

    expect(fast.last.usage.completionTokens).toBe(250);
    const stats = await statsWhere(engine, ({ runnableSlots }) => runnableSlots === 0);
    expect(stats.busySlots).toBe(1);
    expect(await until(slow, 'done')).toMatchObject({ usage: { completionTokens: 300 } });
  });

  test('a paused request can be cancelled', async () => {
    const { engine } = subject();
    const abort = new AbortController();
    const slow = ask(engine, chatOf(300), { signal: abort.signal })[Symbol.asyncIterator]();
    await until(slow, 'items');
    await statsWhere(engine, ({ runnableSlots }) => runnableSlots === 0);

    abort.abort();

    await idle(engine);
    expect(await until(slow, 'done')).toMatchObject({ finish: [{ reason: 'cancelled' }] });
  });
};
