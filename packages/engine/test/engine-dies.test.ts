import { afterEach, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';

import { thrownBy } from '../src/conformance/subject.ts';
import { type EngineEvent, type EngineProcess, spawnEngine } from '../src/index.ts';
import { scriptedProcess } from './fixtures/engines.ts';
import { chatOf, eventsOf, never } from './fixtures/requests.ts';

let engine: EngineProcess;

afterEach(() => engine.kill());

async function readFirstItems(stream: AsyncIterator<EngineEvent>): Promise<void> {
  for (let next = await stream.next(); next.value?.type !== 'items'; next = await stream.next());
}

describe('an engine process killed while it answers', () => {
  test('ends every request with exactly one node_recovering', async () => {
    engine = await scriptedProcess();
    const streams = [1, 2, 3, 4, 5, 6].map(() => engine.generate(chatOf(100_000), never()));
    const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
    await Promise.all(iterators.slice(0, 4).map(readFirstItems));
    await Promise.all(iterators.slice(4).map((iterator) => iterator.next()));

    process.kill(engine.pid, 'SIGKILL');

    for (const iterator of iterators) {
      const events = await eventsOf({ [Symbol.asyncIterator]: () => iterator });
      const ends = events.filter(({ type }) => type === 'done' || type === 'error');
      expect(ends).toEqual([expect.objectContaining({ type: 'error', code: 'node_recovering' })]);
      expect(events.at(-1)).toEqual(ends[0]);
    }
  });

  test('reports the signal, and refuses later requests and calls at once', async () => {
    engine = await scriptedProcess();

    process.kill(engine.pid, 'SIGKILL');

    expect(await engine.ended).toStartWith(
      `engine process ${engine.pid} was killed by SIGKILL, which the kernel sends`,
    );
    expect(await eventsOf(engine.generate(chatOf(1), never()))).toEqual([
      expect.objectContaining({ type: 'error', code: 'node_recovering' }),
    ]);
    expect(await thrownBy(engine.count({}))).toMatchObject({ code: 'node_recovering' });
    expect(await thrownBy(engine.stats())).toMatchObject({ code: 'node_recovering' });
  });

  test('ends running calls', async () => {
    engine = await scriptedProcess();
    process.kill(engine.pid, 'SIGSTOP');
    const call = thrownBy(engine.count({ messages: [] }));

    engine.kill();

    expect(await call).toMatchObject({ code: 'node_recovering' });
  });
});

test('an engine process ignores SIGINT and SIGTERM', async () => {
  engine = await scriptedProcess();

  process.kill(engine.pid, 'SIGINT');
  process.kill(engine.pid, 'SIGTERM');

  const events = await eventsOf(engine.generate(chatOf(3), never()));
  expect(events.at(-1)).toMatchObject({ type: 'done', usage: { completionTokens: 3 } });
});

test('an engine process that is ended takes the processes that it started with it', async () => {
  const cancelled = new AbortController();
  const child = Promise.withResolvers<number>();
  const start = spawnEngine({
    command: ['/bin/sh', '-c', 'sleep 60 & echo "$!"; wait'],
    onLog: (line) => child.resolve(Number(line)),
    signal: cancelled.signal,
  });
  const pid = await child.promise;

  cancelled.abort(new Error('cancelled'));

  expect(await thrownBy(start)).toMatchObject({ message: 'cancelled' });
  while (isRunning(pid)) await Bun.sleep(10);
});

function isRunning(pid: number): boolean {
  try {
    // A process that has ended stays in the list until its new parent has heard of it.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
