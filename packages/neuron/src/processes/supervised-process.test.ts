import { CortexError } from '@cortex/protocol';
import { createLogger } from '@cortex/service';
import { describe, expect, test } from 'bun:test';

import {
  type ReadyProcess,
  type StartAttempt,
  SupervisedProcess,
  type Stuck,
} from './supervised-process.ts';

const log = createLogger({ name: 'test', level: 'fatal' });
const never = new AbortController().signal;
const CLOSED = new CortexError('shutting_down', 'closed');

/** A process inside this one, which ends when it is told to. */
class FakeProcess implements ReadyProcess {
  readonly #end = Promise.withResolvers<string>();
  readonly ended = this.#end.promise;
  isKilled = false;

  end(cause: string): void {
    this.#end.resolve(cause);
  }

  kill(cause = 'killed'): void {
    this.isKilled = true;
    this.end(cause);
  }
}

/** A supervised process whose time is driven by hand. */
function supervise(
  options: {
    readonly start?: (attempt: StartAttempt) => Promise<FakeProcess>;
    readonly watch?: () => Stuck | undefined;
  } = {},
) {
  const started: FakeProcess[] = [];
  const states: string[] = [];
  const attempts: StartAttempt[] = [];
  const ticks = new Set<() => void>();
  let nowMs = 0;
  let next = Promise.withResolvers<void>();
  const supervised = new SupervisedProcess<FakeProcess>(
    {
      name: 'm',
      noun: 'engine',
      start: async (attempt) => {
        attempts.push(attempt);
        const ready = await (options.start?.(attempt) ?? Promise.resolve(new FakeProcess()));
        started.push(ready);
        return ready;
      },
      watch: options.watch,
      tooSlow: (seconds) => new CortexError('model_load_failed', `not within ${seconds} s`),
      onChange: () => {
        states.push(supervised.state.kind);
        next.resolve();
        next = Promise.withResolvers();
      },
    },
    {
      startupTimeoutMs: 1000,
      respawnPauseMs: () => 0,
      every: (_everyMs, run) => {
        ticks.add(run);
        return () => ticks.delete(run);
      },
      clock: { nowMs: () => nowMs, elapsedMs: () => nowMs },
      log,
    },
  );
  return {
    supervised,
    started,
    states,
    attempts,
    changed: () => next.promise,
    /** Lets time pass for the watchers. */
    pass: (ms: number): void => {
      nowMs += ms;
      for (const tick of ticks) tick();
    },
    pending: () => ticks.size,
  };
}

async function until(changed: () => Promise<void>, isSo: () => boolean): Promise<void> {
  while (!isSo()) await changed();
}

describe('a supervised process', () => {
  test('that dies is started again, and every change is announced', async () => {
    const { supervised, started, states, attempts, changed } = supervise();
    await supervised.start(() => undefined, never);

    started[0]?.end('killed by SIGKILL');
    await until(changed, () => started.length === 2 && supervised.state.kind === 'running');

    expect(states).toEqual(['running', 'recovering', 'running']);
    expect(attempts.map(({ isFirst }) => isFirst)).toEqual([true, false]);
    expect(supervised.incarnation).toBe(2);
  });

  test('that dies four times in ten minutes has failed, with the last cause', async () => {
    const { supervised, started, changed } = supervise();
    await supervised.start(() => undefined, never);

    for (let death = 1; death <= 4; death += 1) {
      await until(changed, () => started.length === death && supervised.state.kind === 'running');
      started.at(-1)?.end(`cause ${death}`);
    }
    await until(changed, () => supervised.state.kind === 'failed');

    expect(supervised.state).toEqual({
      kind: 'failed',
      reason: 'its engine died 4 times in 10 minutes, last: cause 4',
    });
    expect(started).toHaveLength(4);
  });

  test('that dies less often than four times in ten minutes is started again each time', async () => {
    const { supervised, started, changed, pass } = supervise();
    await supervised.start(() => undefined, never);

    for (let death = 1; death <= 6; death += 1) {
      pass(210_000);
      started.at(-1)?.end(`cause ${death}`);
      await until(changed, () => supervised.incarnation === death + 1);
    }

    expect(supervised.state.kind).toBe('running');
  });

  test('whose restart fails for good is not tried again', async () => {
    const { supervised, started, changed } = supervise({
      start: async ({ isFirst }) => {
        if (isFirst) return new FakeProcess();
        throw new CortexError('model_load_failed', 'the file is broken');
      },
    });
    await supervised.start(() => undefined, never);

    started[0]?.end('gone');
    await until(changed, () => supervised.state.kind === 'failed');

    expect(supervised.state).toMatchObject({ reason: 'the file is broken' });
  });

  test('that its watcher calls stuck is killed with the cause, and started again', async () => {
    const stuck = [{ silenceMs: 61_000, cause: 'no step for 61 s' }];
    const { supervised, started, changed, pass } = supervise({ watch: () => stuck.pop() });
    const first = await supervised.start(() => undefined, never);

    pass(1000);
    await until(changed, () => started.length === 2 && supervised.state.kind === 'running');

    expect(await first.ended).toBe('no step for 61 s');
  });

  test('that is not ready in time fails its start, and is told to stop', async () => {
    let attempt: StartAttempt | undefined;
    const { supervised, pass, pending } = supervise({
      start: (given) => {
        attempt = given;
        return new Promise((_resolve, reject) => {
          given.signal.addEventListener('abort', () => reject(new Error('stopped')));
        });
      },
    });
    const start = supervised.start(() => undefined, never);

    pass(1000);

    expect(start).rejects.toThrow('not within 1 s');
    await start.catch(() => undefined);
    expect(attempt?.signal.aborted).toBe(true);
    expect(supervised.state.kind).toBe('closed');
    expect(pending()).toBe(0);
  });

  test('that becomes ready after its start was cancelled is killed', async () => {
    const late = new FakeProcess();
    const ready = Promise.withResolvers<FakeProcess>();
    const leaving = new AbortController();
    const { supervised } = supervise({ start: () => ready.promise });
    const start = supervised.start(() => undefined, leaving.signal);

    leaving.abort(CLOSED);
    ready.resolve(late);

    expect(await start.catch((error: unknown) => error)).toBe(CLOSED);
    expect(late.isKilled).toBe(true);
  });

  test('that is closed while it recovers is not started again', async () => {
    const { supervised, started, changed, pending } = supervise();
    await supervised.start(() => undefined, never);
    started[0]?.end('gone');
    await until(changed, () => supervised.state.kind === 'recovering');

    await supervised.close(CLOSED, { ask: async () => undefined, limitMs: 0 });

    expect(supervised.state.kind).toBe('closed');
    expect(started).toHaveLength(1);
    expect(pending()).toBe(0);
  });

  test('that ignores the request to end is killed when its time is over', async () => {
    const { supervised } = supervise();
    const ready = await supervised.start(() => undefined, never);

    await supervised.close(CLOSED, { ask: () => new Promise(() => undefined), limitMs: 0 });

    expect(ready.isKilled).toBe(true);
  });
});
