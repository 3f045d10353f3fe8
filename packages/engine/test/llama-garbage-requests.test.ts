import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { type EngineEvent, type EngineProcess, spawnEngine } from '../src/index.ts';
import { GARBAGE_REQUESTS } from './fixtures/garbage-requests.ts';
import { eventsOf, never } from './fixtures/requests.ts';
import { answer, TINY_SPEC } from './llama-under-test.ts';

/** Long for whoever waits behind it; most take some ms, the longest a second, and the machine may be busy otherwise. */
const DEADLINE_MS = 5000;

/** Also of a refusal, which stands in logs and headers. */
const LONGEST_MESSAGE = 2000;

describe('garbage in a request', () => {
  let engine: EngineProcess;
  beforeAll(async () => {
    engine = await spawnEngine();
    await engine.load(
      { ...TINY_SPEC, contextLength: 512 },
      () => undefined,
      new AbortController().signal,
    );
  });
  afterAll(() => engine.close(0));

  for (const { name, route, body, param, code } of GARBAGE_REQUESTS) {
    test(`${name} is ${param === undefined ? 'answered or refused' : 'refused'} in time`, async () => {
      const request = { id: 'g', route, body, principal: 'test', requestId: 'req_g' };

      const last = await inTime(eventsOf(engine.generate(request, never())).then(lastOf));

      if (last?.type === 'error') {
        expect(last.code).not.toBe('internal_error');
        expect(last.message.length).toBeLessThan(LONGEST_MESSAGE);
      }
      if (param !== undefined)
        expect(last).toMatchObject({ type: 'error', code: code ?? 'invalid_request', param });
    });
  }

  test('the same engine answers afterwards', async () => {
    const body = { messages: [{ role: 'user', content: 'What is cortex?' }], temperature: 0 };

    const { last, text } = await answer(engine, body);

    expect(last.type).toBe('done');
    expect(text).toMatch(/\w/);
    expect(await engine.stats()).toMatchObject({ busySlots: 0, queueDepth: 0 });
  });
});

const lastOf = (events: readonly EngineEvent[]): EngineEvent | undefined => events.at(-1);

async function inTime<T>(outcome: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`no outcome in ${DEADLINE_MS} ms`)),
    DEADLINE_MS,
  );
  try {
    return await Promise.race([outcome, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
