import { FakeServer, type FakeServerOptions } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import type { ServerKindName } from './server-kinds.ts';
import { ServerModels } from './server-models.ts';

const FAKE: FakeServerOptions = {
  port: 0,
  models: ['a', 'b'],
  contextTokens: 512,
  slots: 2,
  hasVision: false,
};
const never = new AbortController().signal;

const on = ({ url }: FakeServer, kind: ServerKindName) =>
  new ServerModels({ harness: 'h', url, headers: {} }, kind);

const paths = ({ seen }: FakeServer): readonly string[] => seen.map(({ path }) => path);

describe('a model of mistral.rs', () => {
  test('that is unloaded is loaded again, and its status is asked until it is', async () => {
    using server = new FakeServer(FAKE);
    const models = on(server, 'mistralrs');
    await models.unload('a');

    expect(await models.load('a', never)).toMatchObject({ name: 'a' });

    expect(paths(server)).toEqual([
      '/v1/models/unload',
      '/v1/models',
      '/v1/models/status',
      '/v1/models/reload',
      '/v1/models/status',
    ]);
  });

  test('may have the name default, which the server does not list', async () => {
    using server = new FakeServer(FAKE);

    expect(await on(server, 'mistralrs').load('default', never)).toMatchObject({ name: 'default' });
  });
});

describe('a model of vLLM', () => {
  test('sleeps and wakes', async () => {
    using server = new FakeServer(FAKE);
    const models = on(server, 'vllm');

    await models.sleep();
    await models.wake();

    expect(paths(server)).toEqual(['/sleep?level=1', '/wake_up']);
  });

  test('that sleeps is woken by a load', async () => {
    using server = new FakeServer(FAKE);
    const models = on(server, 'vllm');
    await models.sleep();

    await models.load('a', never);

    expect(paths(server)).toEqual(['/sleep?level=1', '/v1/models', '/is_sleeping', '/wake_up']);
  });

  test.each([true, false])('says whether its server has routes for sleep: %p', async (canSleep) => {
    using server = new FakeServer({ ...FAKE, cannotSleep: !canSleep });

    expect(await on(server, 'vllm').load('a', never)).toMatchObject({ canSleep });
  });
});

test('a model of llama-server has the slots, the context and the modalities of its server', async () => {
  using server = new FakeServer({ ...FAKE, hasVision: true });

  expect(await on(server, 'llamacpp').load('b', never)).toEqual({
    name: 'b',
    capabilities: ['text', 'tools', 'vision'],
    contextTokens: 512,
    slots: 2,
  });
});

test('a server that does not list models is no OpenAI-compatible server', async () => {
  using server = Bun.serve({ port: 0, fetch: () => new Response('<html>') });
  const url = `http://127.0.0.1:${server.port}`;
  const models = new ServerModels({ harness: 'h', url, headers: {} }, 'openai');

  expect(models.load('a', never)).rejects.toThrow('does not list models');
});
