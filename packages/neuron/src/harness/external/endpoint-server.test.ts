import { createLogger } from '@cortex/service';
import { FakeServer, type FakeServerOptions } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { EndpointServer, type ServerUnit } from './endpoint-server.ts';
import { OfferedList } from './offered-list.ts';

const FAKE: FakeServerOptions = {
  port: 0,
  models: ['m'],
  contextTokens: 512,
  slots: 1,
  hasVision: false,
};
const never = new AbortController().signal;

/** A server at the address of `fake`, whose polls and clock the test drives. */
function setUp(url: string, unit?: ServerUnit, readyPath = '/health') {
  const polls: (() => void)[] = [];
  const states: string[] = [];
  let nowMs = 0;
  let changed = Promise.withResolvers<void>();
  const upstream = { harness: 'h', url, headers: {} };
  const log = createLogger({ name: 'test', level: 'fatal' });
  const offered = new OfferedList(upstream, log);
  const server = new EndpointServer({
    upstream,
    offered,
    readyPath,
    unit,
    startupTimeoutMs: 5000,
    every: (_everyMs, run) => {
      polls.push(run);
      return () => void polls.splice(0);
    },
    clock: { nowMs: () => nowMs, elapsedMs: (sinceMs) => nowMs - sinceMs },
    log,
  });
  server.onChange(() => {
    states.push(server.state.kind);
    changed.resolve();
    changed = Promise.withResolvers();
  });
  return {
    server,
    states,
    /** The ids that the server offers, once `polls` have changed them. */
    nextOffer: async (): Promise<readonly string[]> => {
      const change = new Promise<void>((resolve) => offered.changes.add(resolve));
      let isChanged = false;
      void change.then(() => {
        isChanged = true;
      });
      while (!isChanged) {
        for (const poll of polls) poll();
        await Promise.race([change, Bun.sleep(5)]);
      }
      return offered.models.map(({ id }) => id);
    },
    polls,
    pass: (ms: number): void => {
      nowMs += ms;
    },
    /** Polls until the state changes. */
    pollUntilChange: async (): Promise<void> => {
      const change = changed.promise;
      let isChanged = false;
      void change.then(() => {
        isChanged = true;
      });
      while (!isChanged) {
        for (const poll of polls) poll();
        await Promise.race([change, Bun.sleep(5)]);
      }
    },
  };
}

describe('a server that somebody else runs', () => {
  test('is recovering when it stops answering, ends its requests, and is up again when it is back', async () => {
    const first = new FakeServer(FAKE);
    const { server, states, pollUntilChange } = setUp(first.url);
    await server.ensure(never);
    const lost = server.state.kind === 'up' ? server.state.lost : undefined;

    first[Symbol.dispose]();
    await pollUntilChange();
    expect(lost?.aborted).toBe(true);
    using _back = new FakeServer({ ...FAKE, port: Number(new URL(first.url).port) });
    await pollUntilChange();

    expect(states).toEqual(['up', 'recovering', 'up']);
    expect(server.state).toMatchObject({ kind: 'up', incarnation: 2 });
  });

  test('has failed after ten minutes without an answer', async () => {
    const fake = new FakeServer(FAKE);
    const { server, pass, pollUntilChange } = setUp(fake.url);
    await server.ensure(never);
    fake[Symbol.dispose]();
    await pollUntilChange();

    pass(601_000);
    await pollUntilChange();

    expect(server.state).toMatchObject({ kind: 'failed' });
  });

  test.each(['/health', '/v1/models'])(
    'offers what it lists as soon as it is watched, follows its list, and offers nothing when it is down (%s)',
    async (readyPath) => {
      const models = ['a', 'b'];
      const fake = new FakeServer({ ...FAKE, models });
      const { server, nextOffer, polls } = setUp(fake.url, undefined, readyPath);
      server.watch();
      expect(await nextOffer()).toEqual(['a', 'b']);
      expect(server.offers?.models[0]).toEqual({ id: 'a', contextTokens: 512 });

      models.shift();
      expect(await nextOffer()).toEqual(['b']);
      fake[Symbol.dispose]();

      expect(await nextOffer()).toEqual([]);
      expect(polls).toHaveLength(1);
    },
  );

  test('is no longer polled once it is stopped', async () => {
    using fake = new FakeServer(FAKE);
    const { server, polls } = setUp(fake.url);
    await server.ensure(never);

    await server.stop(server.loss());

    expect(polls).toEqual([]);
    expect(server.state.kind).toBe('stopped');
  });

  test('is started by its unit if it does not answer, and restarted by it', async () => {
    const absent = new FakeServer(FAKE);
    absent[Symbol.dispose]();
    const port = Number(new URL(absent.url).port);
    const verbs: string[] = [];
    let running: FakeServer | undefined;
    const unit: ServerUnit = {
      name: 'x.service',
      run: async (verb) => {
        verbs.push(verb);
        running?.[Symbol.dispose]();
        running = new FakeServer({ ...FAKE, port });
      },
    };
    const { server, states } = setUp(absent.url, unit);

    await server.ensure(never);
    await server.restart?.(never);

    expect(verbs).toEqual(['start', 'restart']);
    expect(states).toEqual(['up', 'recovering', 'up']);
    running?.[Symbol.dispose]();
  });

  test('whose unit cannot be started fails with what systemctl said', async () => {
    const absent = new FakeServer(FAKE);
    absent[Symbol.dispose]();
    const unit: ServerUnit = {
      name: 'x.service',
      run: () => Promise.reject(new Error('Unit x.service not found.')),
    };
    const { server } = setUp(absent.url, unit);

    await expect(server.ensure(never)).rejects.toThrow(
      'x.service cannot be started: Unit x.service not found.',
    );
  });
});
