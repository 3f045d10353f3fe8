import { expect, test } from 'bun:test';

import type { EngineEvent } from '../../engine/generate.ts';
import {
  answerOf,
  ask,
  chat,
  chatOf,
  completionOf,
  holdSlot,
  idle,
  loadFresh,
  type Section,
  SLOTS,
  statsWhere,
} from '../subject.ts';

type Done = Extract<EngineEvent, { type: 'done' }>;

export const answering: Section = (subject) => {
  test('max_tokens ends a chat with length, and usage adds up', async () => {
    const { promptTokens, items, last } = await answerOf(ask(subject().engine, chatOf(8)));

    expect(last.finish).toEqual([{ reason: 'length' }]);
    expect(last.usage).toMatchObject({ completionTokens: 8 });
    expect(last.usage.promptTokens).toBe(promptTokens ?? -1);
    expect(items.length).toBeGreaterThan(0);
    expectSound(last);
  });

  test('max_completion_tokens wins over max_tokens', async () => {
    const body = chatOf(20, { max_completion_tokens: 4 });

    const { last } = await answerOf(ask(subject().engine, body));

    expect(last.usage.completionTokens).toBe(4);
  });

  test('an answer that ends by itself has the finish reason stop', async () => {
    const { last } = await answerOf(ask(subject().engine, chat('Hello!')));

    // A small model may generate until its context is full.
    expect(['stop', 'length']).toContain(last.finish[0]?.reason ?? '');
    expectSound(last);
  });

  test('more requests than slots all finish, and leave the engine idle', async () => {
    const { engine } = subject();
    const bodies = Array.from({ length: SLOTS * 3 }, (_, index) => chatOf(5 + index));

    const answers = await Promise.all(bodies.map((body) => answerOf(ask(engine, body))));

    expect(answers.map(({ last }) => last.usage.completionTokens)).toEqual(
      bodies.map((_, index) => 5 + index),
    );
    for (const { last } of answers) expectSound(last);
    expect(await idle(engine)).toMatchObject({
      queueDepth: 0,
      slots: SLOTS,
      busySlots: 0,
      runnableSlots: 0,
    });
  });

  test('a request that waited for a slot reports its queue time', async () => {
    const engine = await loadFresh(subject(), 1);
    const holder = await holdSlot(engine);
    const waiting = answerOf(ask(engine, chatOf(4)));
    await statsWhere(engine, ({ queueDepth }) => queueDepth === 1);

    await holder.release();

    const { timings } = (await waiting).last;
    expect(timings.queueMs).toBeGreaterThan(0);
    expect(timings.firstTokenMs).toBeGreaterThanOrEqual(timings.queueMs);
    await engine.close(0);
  });

  test('requests that run together share steps', async () => {
    const { engine } = subject();
    await Promise.all(Array.from({ length: SLOTS }, () => answerOf(ask(engine, chatOf(40)))));

    const { batchSizes } = await engine.stats();

    expect(Math.max(...Object.keys(batchSizes).map(Number))).toBe(SLOTS);
  });
};

export const completions: Section = (subject) => {
  test('a completion continues its prompt', async () => {
    const stream = ask(subject().engine, completionOf(8), { route: 'completions' });

    const { last, promptTokens } = await answerOf(stream);

    expect(last.finish).toEqual([{ reason: 'length' }]);
    expect(last.usage).toMatchObject({ completionTokens: 8, promptTokens });
    expectSound(last);
  });
};

export const insert: Section = (subject) => {
  test('the text between a prompt and a suffix is written, and both count as prompt', async () => {
    const [before, behind] = ['def area(r):\n    return ', '\n\nprint(area(2))\n'];
    const body = { prompt: before, suffix: behind, max_tokens: 4, ignore_eos: true };
    const { engine } = subject();

    const { last } = await answerOf(ask(engine, body, { route: 'completions' }));

    const options = { addSpecial: false, parseSpecial: false };
    const texts = [
      ...(await engine.tokenize(before, options)),
      ...(await engine.tokenize(behind, options)),
    ];
    expect(last.usage.promptTokens).toBeWithin(texts.length + 3, texts.length + 5);
    expect(last.usage.completionTokens).toBe(4);
  });
};

/** Checks usage and timings of every finished answer. */
function expectSound({ usage, timings }: Done): void {
  expect(usage.promptTokens).toBeGreaterThan(0);
  expect(usage.cachedTokens).toBeWithin(0, usage.promptTokens + 1);
  expect(usage.reasoningTokens).toBeWithin(0, usage.completionTokens + 1);
  for (const ms of [timings.queueMs, timings.promptMs, timings.decodeMs]) {
    expect(ms).toBeGreaterThanOrEqual(0);
  }
  expect(timings.firstTokenMs).toBeGreaterThanOrEqual(0);
}
