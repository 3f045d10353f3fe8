import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { type HubServer, startHubServer } from '@cortex/testkit/hub/hub-server';
import { afterAll, beforeAll, expect, test } from 'bun:test';

import { askWhole } from './ask.ts';
import { CORTEX_BIN, Program, startUp, type Up } from './start-up.ts';

const TINY = new Uint8Array(
  readFileSync(fileURLToPath(new URL('../../models/cortex-tiny.gguf', import.meta.url))),
);

let hub: HubServer;
let up: Up;

beforeAll(async () => {
  hub = await startHubServer({
    repositories: {
      'org/tiny-GGUF': { files: { 'tiny-Q8_0.gguf': TINY, 'tiny-F16.gguf': TINY.slice(0, 99) } },
    },
  });
  up = await startUp({ env: { HF_ENDPOINT: hub.url } });
});
afterAll(async () => {
  await up[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
});

function cortex(...args: string[]): Program {
  return new Program([CORTEX_BIN, ...args], {
    env: { ...up.workspace.env, CORTEX_URL: up.api },
  });
}

test('cortex pull downloads a model of the hub, which then answers; cortex rm removes it', async () => {
  const pull = cortex('pull', 'hf:org/tiny-GGUF:Q8_0');
  expect(await pull.ended).toBe(0);
  expect(pull.output).toContain('org/tiny-GGUF (Q8_0) is on local: 4.3 MB, complete and checked.');

  const answer = await fetch(`${up.api}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'org/tiny-GGUF',
      messages: [{ role: 'user', content: 'What is cortex?' }],
      max_tokens: 8,
    }),
  });
  expect(answer.status).toBe(200);

  const loaded = cortex('rm', 'org/tiny-GGUF', '--files');
  expect(await loaded.ended).toBe(1);
  expect(loaded.output).toContain('Unload it before');
  expect(await cortex('unload', 'org/tiny-GGUF').ended).toBe(0);
  const removed = cortex('rm', 'org/tiny-GGUF', '--files');
  expect(await removed.ended).toBe(0);
  expect(removed.output).toContain('The files of org/tiny-GGUF are removed from local: 4.3 MB.');
}, 60_000);

test('cortex add writes a model to models.toml and downloads it, and cortex rm takes it out again', async () => {
  const add = cortex('add', 'hf:org/tiny-GGUF:Q8_0', '--id', 'added', '--context', '1024');
  expect(await add.ended).toBe(0);
  expect(add.output).toMatch(/^added is in .*models\.toml\.\n {2}local: needs \d+ MiB, fits now\n/);
  expect(add.output).toContain('It is on local: 4.3 MB, complete and checked.');
  expect((await askWhole(up.api, { model: 'added', max_tokens: 8 })).choices).toHaveLength(1);

  const removed = cortex('rm', 'added');
  expect(await removed.ended).toBe(0);
  expect(removed.output).toMatch(/added is removed from .*models\.toml\./);
  expect(await cortex('add', 'hf:org/tiny-GGUF:Q2_K', '--id', 'absent').ended).toBe(1);
}, 60_000);

test('cortex pull of a quantisation that the hub does not have names the nearest, and exits with 1', async () => {
  const pull = cortex('pull', 'hf:org/tiny-GGUF:Q6_K');

  expect(await pull.ended).toBe(1);
  expect(pull.output).toContain('has no Q6_K. The nearest is Q8_0.');
}, 60_000);
