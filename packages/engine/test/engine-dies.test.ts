import { afterEach, describe, expect, test } from 'bun:test';

import { thrownBy } from '../src/conformance/subject.ts';
import type { EngineEvent, EngineProcess } from '../src/index.ts';
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

test('an engine process stays in the session of its owner', async () => {
  engine = await scriptedProcess();

  expect(await sessionOf(engine.pid)).toBe(await sessionOf(process.pid));
});

/** Session id, from `ps`, which every supported system has. */
async function sessionOf(pid: number): Promise<string> {
  const shown = await new Response(
    Bun.spawn(['ps', '-o', 'sess=', '-p', String(pid)]).stdout,
  ).text();
  return shown.trim();
}
