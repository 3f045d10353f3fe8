import { afterEach, describe, expect, test } from 'bun:test';
import { CortexError } from '@cortex/protocol';

import { thrownBy } from '../src/conformance/subject.ts';
import { type EngineProcess, spawnEngine } from '../src/index.ts';
import { rawEngine } from './fixtures/raw-engine.ts';
import { chatOf, eventsOf, never, SPEC, textOf } from './fixtures/requests.ts';

let engine: EngineProcess | undefined;

afterEach(() => engine?.kill());

async function startRaw(mode: string): Promise<EngineProcess> {
  engine = await spawnEngine({ command: rawEngine(mode) });
  await engine.load(SPEC, () => undefined, never());
  return engine;
}

describe('an engine that violates the protocol is killed, and the error names the cause:', () => {
  const FATAL = [
    ['garbage', 'it sent a line that is not JSON: "{\\"kind\\": \\"step\\", oops"'],
    ['scalar', 'it sent no message: 42'],
    ['flood', 'it broke the order of request "1": items came without credit'],
    ['unordered', 'it broke the order of request "1": items came before it was accepted'],
    ['malformed', 'its done message is malformed'],
    ['oversize', 'it sent a line longer than 134217728 characters'],
    ['hangsUp', 'it closed its channel'],
  ] as const;
  for (const [mode, cause] of FATAL) {
    test(mode, async () => {
      const raw = await startRaw(mode);
      const stream = raw.generate(chatOf(5), never())[Symbol.asyncIterator]();
      // Taken late: a consumer that keeps up gives credit, and a flood would be none.
      const first = stream.next();

      const ended = await raw.ended;

      expect(ended).toContain(`engine process ${raw.pid} was ended because ${cause}`);
      await first;
      const events = await eventsOf({ [Symbol.asyncIterator]: () => stream });
      expect(events.at(-1) ?? (await first).value).toMatchObject({
        type: 'error',
        code: 'node_recovering',
        message: expect.stringContaining(cause),
      });
    });
  }
});

test('unknown kinds, ids and capabilities are ignored, and the log names the ids', async () => {
  const raw = await spawnEngine({ command: rawEngine('unknown') });
  engine = raw;
  const loaded = await raw.load(SPEC, () => undefined, never());

  const events = await eventsOf(raw.generate(chatOf(5), never()));

  expect(loaded.capabilities).toEqual(['chat']);
  expect(textOf(events)).toBe('Hello 🙂');
  expect(events.at(-1)).toMatchObject({ type: 'done' });
  expect(raw.logTail.join('\n')).toContain('for the unknown request "nobody"');
});

test('the error about a dead engine names its exit code', async () => {
  const raw = await startRaw('dies');

  const events = await eventsOf(raw.generate(chatOf(5), never()));

  expect(await raw.ended).toBe(`engine process ${raw.pid} exited with code 3`);
  expect(events).toEqual([expect.objectContaining({ code: 'node_recovering' })]);
});

describe('a failed start of an engine gives the reason:', () => {
  const FAILURES = [
    ['newer', 'it speaks engine protocol 2, this side speaks 1', 422],
    ['chatty', 'it did not begin with hello', 503],
    ['mute', 'it did not say hello within 1500 ms', 503],
    ['exits', 'exited with code 7', 503],
  ] as const;
  for (const [mode, cause, status] of FAILURES) {
    test(mode, async () => {
      const start = spawnEngine({ command: rawEngine(mode), startupTimeoutMs: 1_500 });

      const thrown = await thrownBy(start);

      expect(thrown).toBeInstanceOf(CortexError);
      expect(thrown).toMatchObject({
        code: 'model_load_failed',
        status,
        message: expect.stringContaining(cause),
      });
    });
  }

  test('no such program', async () => {
    const thrown = await thrownBy(spawnEngine({ command: ['/nowhere/engine'] }));

    expect(thrown).toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('/nowhere/engine cannot be started'),
    });
  });

  test('cancelled', async () => {
    const abort = new AbortController();
    let pid: number | undefined;
    const start = spawnEngine({
      command: rawEngine('mute'),
      signal: abort.signal,
      onSpawn: (spawned) => {
        pid = spawned;
        abort.abort(new Error('not wanted any more'));
      },
    });

    expect(await thrownBy(start)).toMatchObject({ message: 'not wanted any more' });
    expect(pid).toBeNumber();
  });
});
