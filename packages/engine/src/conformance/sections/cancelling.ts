import { afterEach, expect, test } from 'bun:test';

import {
  answerOf,
  ask,
  chat,
  chatOf,
  collect,
  CONTEXT_TOKENS,
  holdSlot,
  idle,
  rest,
  type Section,
  SLOTS,
  until,
} from '../subject.ts';

export const cancelling: Section = (subject) => {
  afterEach(async () => {
    await idle(subject().engine);
  });

  test('a request that is cancelled before it starts ends at once', async () => {
    const stream = ask(subject().engine, chatOf(8), { signal: AbortSignal.abort() });

    const { last, promptTokens } = await collect(stream);

    expect(promptTokens).toBeUndefined();
    expect(last).toMatchObject({ type: 'done', finish: [{ reason: 'cancelled' }] });
  });

  test('a request that is cancelled while the engine accepts it ends with done', async () => {
    const abort = new AbortController();
    const answer = answerOf(ask(subject().engine, chatOf(300), { signal: abort.signal }));

    abort.abort();

    expect((await answer).last.finish).toEqual([{ reason: 'cancelled' }]);
  });

  test('a request that is cancelled in the queue ends without a token', async () => {
    const { engine } = subject();
    const holders = await Promise.all(Array.from({ length: SLOTS }, () => holdSlot(engine)));
    const abort = new AbortController();
    const stream = ask(engine, chatOf(8), { signal: abort.signal })[Symbol.asyncIterator]();
    await until(stream, 'accepted');

    abort.abort();

    expect(await until(stream, 'done')).toMatchObject({
      finish: [{ reason: 'cancelled' }],
      usage: { completionTokens: 0 },
    });
    await Promise.all(holders.map((holder) => holder.release()));
  });

  test('a request that is cancelled during prefill ends with done', async () => {
    const abort = new AbortController();
    const long = 'light '.repeat(CONTEXT_TOKENS / 8);
    // More tokens than an engine generates ahead of its consumer, so the request cannot finish before the cancel.
    const body = chat(long, { max_tokens: 300, ignore_eos: true });
    const stream = ask(subject().engine, body, { signal: abort.signal })[Symbol.asyncIterator]();
    await until(stream, 'accepted');

    abort.abort();

    expect(await until(stream, 'done')).toMatchObject({ finish: [{ reason: 'cancelled' }] });
  });

  test('a request that is cancelled while it generates ends soon, with its usage so far', async () => {
    const abort = new AbortController();
    const limit = 400;
    const stream = ask(subject().engine, chatOf(limit), { signal: abort.signal })[
      Symbol.asyncIterator
    ]();
    await until(stream, 'items');

    abort.abort();

    const { last } = await answerOf({
      async *[Symbol.asyncIterator]() {
        yield { type: 'accepted', promptTokens: 0 };
        yield* rest(stream);
      },
    });
    expect(last.finish).toEqual([{ reason: 'cancelled' }]);
    expect(last.usage.completionTokens).toBeWithin(1, limit);
  });

  test('a consumer that stops early frees its slot', async () => {
    const { engine } = subject();

    for await (const event of ask(engine, chatOf(400))) {
      if (event.type === 'items') break;
    }

    expect(await idle(engine)).toMatchObject({ busySlots: 0 });
  });
};
