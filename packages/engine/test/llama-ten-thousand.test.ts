import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { type EngineProcess, spawnEngine } from '../src/index.ts';
import { consume, type Outcome } from './fixtures/random-consumers.ts';
import { randomRequests, type RandomRequest } from './fixtures/random-requests.ts';
import { answer, TINY_SPEC } from './llama-under-test.ts';

const SCALE = Number(process.env['SCALE'] ?? 1 / 20);
const REQUESTS = Math.max(300, Math.round(10_000 * SCALE));
const SEED = Number(process.env['SEED'] ?? 1);

/** Between two rounds the slots are idle, and the memory is measured. */
const ROUNDS = 12;

/** Six per slot, so that the queue is never empty within a round. */
const CALLERS = 24;

/** Maximum time without an ended request; a request takes about 20 ms. */
const STUCK_MS = 20_000;

/**
 * Variation of the heap and the arenas of a process without a leak: up to 20 MiB between two rounds. At full size, a
 * leak of 5 KiB per request exceeds it.
 */
const PLATEAU_MIB = 32;

const EXPECTED_ERRORS = ['invalid_request', 'unsupported_parameter', 'context_length_exceeded'];

describe(`${REQUESTS} random requests (SEED=${SEED})`, () => {
  let engine: EngineProcess;
  const outcomes: Outcome[] = [];
  const rssMib: number[] = [];
  const streams: WeakRef<object>[] = [];
  beforeAll(async () => {
    engine = await spawnEngine();
    const spec = { ...TINY_SPEC, slots: 4, contextLength: 256 };
    await engine.load(spec, () => undefined, new AbortController().signal);
  });
  afterAll(() => engine.close(1000));

  test(
    'each end once, and leave slots and queue empty',
    async () => {
      const sample = await normalAnswer(engine);
      const requests = randomRequests(REQUESTS, SEED);
      const roundSize = Math.ceil(requests.length / ROUNDS);
      for (let from = 0; from < requests.length; from += roundSize) {
        outcomes.push(...(await runRound(requests.slice(from, from + roundSize), from)));
        await idle(engine);
        rssMib.push((await engine.stats()).rssMib);
      }

      expect(outcomes).toHaveLength(REQUESTS);
      expect(await engine.stats()).toMatchObject({ queueDepth: 0, busySlots: 0, runnableSlots: 0 });
      expect(await normalAnswer(engine)).toBe(sample);
    },
    { timeout: 60_000 + REQUESTS * 200 },
  );

  test('include every kind of end, and no error that the callers did not cause', () => {
    const reasons = outcomes.flatMap((outcome) => (outcome.kind === 'done' ? outcome.finish : []));
    const errors = outcomes.filter((outcome) => outcome.kind === 'error');

    expect(new Set(reasons)).toEqual(new Set(['stop', 'length', 'cancelled', 'tool_calls']));
    expect(errors.filter(({ code }) => !EXPECTED_ERRORS.includes(code))).toEqual([]);
    expect(new Set(errors.map(({ code }) => code)).size).toBeGreaterThan(1);
  });

  test('leave the memory of the engine at its plateau', () => {
    const warm = Math.max(...rssMib.slice(0, ROUNDS / 3));

    expect(rssMib).toHaveLength(ROUNDS);
    expect(Math.max(...rssMib.slice(-2)) - warm).toBeLessThan(PLATEAU_MIB);
  });

  test('leave no ended streams in the memory of the owner', async () => {
    Bun.gc(true);
    await new Promise((resolve) => setImmediate(resolve));
    Bun.gc(true);

    // The collector scans the stack conservatively, so it may keep some by chance.
    const kept = streams.filter((stream) => stream.deref() !== undefined);
    expect(kept.length).toBeLessThan(CALLERS);
  });

  /** Sends the requests of a round, some at a time. @throws if one violates the order of events or none ends in time */
  async function runRound(requests: readonly RandomRequest[], from: number): Promise<Outcome[]> {
    const ended: Outcome[] = [];
    const running = new Set<number>();
    let next = 0;
    const stuck = Promise.withResolvers<never>();
    const fail = () => stuck.reject(new Error(`no end of ${describeAll(requests, running, from)}`));
    let timer = setTimeout(fail, STUCK_MS);
    const call = async () => {
      for (let at = next++; at < requests.length; at = next++) {
        const request = requests[at];
        if (request === undefined) return;
        running.add(at);
        ended.push(await consume(engine, request, (stream) => streams.push(new WeakRef(stream))));
        running.delete(at);
        clearTimeout(timer);
        timer = setTimeout(fail, STUCK_MS);
      }
    };
    const died = engine.ended.then((cause) => Promise.reject(new Error(cause)));
    try {
      await Promise.race([Promise.all(Array.from({ length: CALLERS }, call)), stuck.promise, died]);
    } finally {
      clearTimeout(timer);
    }
    return ended;
  }
});

const describeAll = (
  requests: readonly RandomRequest[],
  running: ReadonlySet<number>,
  from: number,
): string =>
  Array.from(running, (at) => `#${from + at} ${JSON.stringify(requests[at])}`).join('\n');

async function normalAnswer(engine: EngineProcess): Promise<string> {
  const body = { messages: [{ role: 'user', content: 'What is cortex?' }], temperature: 0 };
  return (await answer(engine, body)).text;
}

/** Waits for the requests whose callers have stopped reading. */
async function idle(engine: EngineProcess): Promise<void> {
  for (;;) {
    const { busySlots, queueDepth } = await engine.stats();
    if (busySlots === 0 && queueDepth === 0) return;
  }
}
