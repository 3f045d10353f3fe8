import { expect, test } from 'bun:test';

import {
  answerOf,
  ask,
  chatOf,
  collect,
  loadFresh,
  refusalOf,
  rest,
  type Section,
  suiteSpec,
  thrownBy,
  until,
} from '../subject.ts';

export const closing: Section = (subject, options) => {
  test('a closing engine finishes its requests within the grace period and starts none', async () => {
    const engine = await loadFresh(subject(), 2);
    const streams = [1, 2, 3].map(() => ask(engine, chatOf(20))[Symbol.asyncIterator]());
    await Promise.all(streams.map((stream) => until(stream, 'accepted')));

    const closed = engine.close(30_000);

    const ends = await Promise.all(streams.map((stream) => until(stream, 'done')));
    expect(ends).toMatchObject(ends.map(() => ({ usage: { completionTokens: 20 } })));
    await closed;
    expect(await refusalOf(ask(engine, chatOf(4)))).toMatchObject({ code: 'shutting_down' });
  });

  test('a close without a grace period ends requests with shutting_down', async () => {
    const engine = await loadFresh(subject(), 1);
    const running = ask(engine, chatOf(400))[Symbol.asyncIterator]();
    const queued = ask(engine, chatOf(400))[Symbol.asyncIterator]();
    await until(running, 'items');
    await until(queued, 'accepted');

    await engine.close(0);

    expect(await until(running, 'error')).toMatchObject({ code: 'shutting_down' });
    expect(await until(queued, 'error')).toMatchObject({ code: 'shutting_down' });
    expect((await rest(running)[Symbol.asyncIterator]().next()).done).toBe(true);
  });

  test('a second close has no effect', async () => {
    const engine = await loadFresh(subject(), 1);

    await Promise.all([engine.close(0), engine.close(0)]);
    await engine.close(0);

    const { last } = await collect(ask(engine, chatOf(4)));
    expect(last).toMatchObject({ type: 'error', code: 'shutting_down' });
  });

  test('an engine without a model closes', async () => {
    const engine = await subject().make();

    await engine.close(1_000);

    const load = engine.load(suiteSpec(options), () => undefined, new AbortController().signal);
    expect(await thrownBy(load)).toBeInstanceOf(Error);
  });

  test('an engine answers until it is closed', async () => {
    const { engine } = subject();

    expect((await answerOf(ask(engine, chatOf(3)))).last.usage.completionTokens).toBe(3);
  });
};
