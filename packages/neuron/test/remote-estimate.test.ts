import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyLlama } from '@cortex/testkit/gguf/tiny-llama';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { type HubServer, startHubServer } from '@cortex/testkit/hub/hub-server';
import { expect, test } from 'bun:test';

import { REPO, TINY } from './pull-fixture.ts';
import { TestNeuron } from './test-neuron.ts';

const SOURCE = `hf:${REPO}`;

/** A daemon with the real engine. */
const startNeuron = (hub: HubServer): Promise<TestNeuron> =>
  TestNeuron.start({ env: { HF_ENDPOINT: hub.url } });

async function estimate(neuron: TestNeuron, id: string, fields = {}) {
  const answer = await neuron.post(`/models/${id}/estimate`, { slots: 2, ...fields });
  return { status: answer.status, body: await answer.json() };
}

test('an estimate of a model on the hub is that of the same file on this node, from its header alone', async () => {
  await using hub = await startHubServer({
    repositories: { [REPO]: { files: { 'tiny-Q8_0.gguf': TINY } } },
  });
  await using neuron = await startNeuron(hub);

  const remote = await estimate(neuron, 'org/remote', { source: SOURCE });
  const local = await estimate(neuron, 'tiny');

  expect(remote).toEqual(local);
  expect(remote.body.vram_mb + remote.body.ram_mb).toBeGreaterThan(0);
  expect(hub.requestsOf('cdn').every(({ headers }) => headers.has('range'))).toBe(true);
  // The header is kept as a file of the size of the model that takes little space.
  const headers = join(neuron.root, 'state', 'headers');
  const [folder = ''] = readdirSync(headers);
  const { size, blocks } = statSync(join(headers, folder, 'tiny-Q8_0.gguf'));
  expect(size).toBe(TINY.length);
  expect(blocks * 512).toBeLessThan(TINY.length);
  // It is not a model of this node.
  const load = await neuron.post('/v1/chat/completions', { model: 'org/remote', messages: [] });
  expect(load.status).toBe(404);
});

test('an estimate of a model on the hub includes the draft model beside it', async () => {
  const draft = writeGguf(tinyLlama(await readGguf(TINY)));
  await using hub = await startHubServer({
    repositories: { [REPO]: { files: { 'm-Q8_0.gguf': TINY, 'm-draft-F32.gguf': draft } } },
  });
  await using neuron = await startNeuron(hub);

  const drafted = await estimate(neuron, 'm', { source: SOURCE });
  const alone = await estimate(neuron, 'm', { source: SOURCE, draft: 'off' });

  expect(drafted.body.ram_mb).toBeGreaterThan(alone.body.ram_mb);
});

test('an estimate of a file on the hub that is not a GGUF says so', async () => {
  await using hub = await startHubServer({
    repositories: {
      [REPO]: { files: { 'm.gguf': new TextEncoder().encode('<html>'.repeat(99)) } },
    },
  });
  await using neuron = await startNeuron(hub);

  const { status, body } = await estimate(neuron, 'm', { source: SOURCE });

  expect(status).toBe(422);
  expect(body.error.message).toContain(`Cannot read ${SOURCE}:m.gguf: it is not a GGUF file`);
});

test('an estimate of a model that the hub does not have says so', async () => {
  await using hub = await startHubServer({ repositories: {} });
  await using neuron = await startNeuron(hub);

  const { status, body } = await estimate(neuron, 'm', { source: SOURCE });

  expect(status).toBe(422);
  expect(body.error.message).toContain('The hub refused hf:org/tiny-GGUF (401)');
});
