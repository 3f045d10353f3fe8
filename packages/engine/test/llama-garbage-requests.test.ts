import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { thrownBy } from '../src/conformance/subject.ts';
import { type EngineEvent, type EngineProcess, spawnEngine } from '../src/index.ts';
import { GARBAGE_REQUESTS } from './fixtures/garbage-requests.ts';
import { eventsOf, never } from './fixtures/requests.ts';
import { answer, TINY_SPEC } from './llama-under-test.ts';

/** Most requests take some ms, the longest a second; the rest is tolerance for a busy machine. */
const DEADLINE_MS = 5000;

/** The longest error message, because it appears in logs and headers. */
const LONGEST_MESSAGE = 2000;

describe('a malformed request', () => {
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

  test.each([
    [
      'a request with a hundred thousand messages',
      { messages: Array(100_000).fill(USER) },
      'messages',
    ],
    [
      'a request with a hundred thousand tools',
      { messages: [USER], tools: Array(100_000).fill({}) },
      'tools',
    ],
    ['a request with deeply nested tools', { messages: [USER], tools: [nested(100_000)] }, 'tools'],
  ])('%s is refused in time, without rendering it', async (_, body, param) => {
    const refused = { code: 'invalid_request', details: { param } };
    expect(await inTime(thrownBy(engine.count(body)))).toMatchObject(refused);
    expect(await inTime(thrownBy(engine.applyTemplate(body)))).toMatchObject(refused);
  });

  test('leaves the engine able to answer', async () => {
    const body = { messages: [{ role: 'user', content: 'What is cortex?' }], temperature: 0 };

    const { last, text } = await answer(engine, body);

    expect(last.type).toBe('done');
    expect(text).toMatch(/\w/);
    expect(await engine.stats()).toMatchObject({ busySlots: 0, queueDepth: 0 });
  });
});

const USER = { role: 'user', content: 'x' };

function nested(levels: number): unknown {
  let value: unknown = {};
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

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
