import { appendFileSync, copyFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ErrorEnvelope, NodeModels } from '@cortex/protocol';
import { describe, expect, test } from 'bun:test';

import { CORTEX_TINY, scriptedEngine, TestNeuron } from './test-neuron.ts';

const idsOf = async (neuron: TestNeuron): Promise<string[]> =>
  NodeModels.parse(await (await neuron.get('/models')).json()).map(({ id }) => id);

async function load(neuron: TestNeuron, id: string) {
  const answer = await neuron.post('/models/load?wait=true', { model_id: id });
  const body: unknown = await answer.json();
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body };
}

describe('a new file in a models folder', () => {
  test('is listed after POST /models/rescan', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    copyFileSync(CORTEX_TINY, join(neuron.modelsDir, 'fresh.gguf'));
    writeFileSync(join(neuron.modelsDir, '._fresh.gguf'), 'resource fork');

    const answer = await neuron.post('/models/rescan', {});

    expect([answer.status, await answer.json()]).toEqual([200, { models: 2 }]);
    expect(await idsOf(neuron)).toEqual(['fresh', 'tiny']);
  });

  test('is listed with its size and the time of its last change, once all parts are there', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    const part = (at: number): string => join(neuron.modelsDir, `split-0000${at}-of-00002.gguf`);
    writeFileSync(part(1), 'a'.repeat(1000));
    utimesSync(part(1), 1_700_000_000, 1_700_000_000);

    await neuron.post('/models/rescan', {});
    const half = await neuron.model('split');
    writeFileSync(part(2), 'a'.repeat(500));
    utimesSync(part(2), 1_700_000_007, 1_700_000_007);
    await neuron.post('/models/rescan', {});

    expect(half).toMatchObject({ on_disk: true });
    expect(half).not.toHaveProperty('size_bytes');
    expect(half).not.toHaveProperty('modified_at');
    expect(await neuron.model('split')).toMatchObject({
      on_disk: true,
      size_bytes: 1500,
      modified_at: '2023-11-14T22:13:27.000Z',
    });
  });

  test('fails with a retryable error while it is being copied, and loads once it is complete', async () => {
    await using neuron = await TestNeuron.start();
    const whole = readFileSync(CORTEX_TINY);
    const path = join(neuron.modelsDir, 'growing.gguf');

    writeFileSync(path, whole.subarray(0, whole.length >> 1));
    const copying = setInterval(() => appendFileSync(path, '.'), 10);
    const half = await load(neuron, 'growing');
    clearInterval(copying);
    writeFileSync(path, whole);
    const complete = await load(neuron, 'growing');

    expect(half).toMatchObject({ status: 503, retryAfter: '2' });
    expect(ErrorEnvelope.parse(half.body).error.message).toMatch(
      /growing\.gguf.*If it is being copied, try again/,
    );
    expect(complete.status).toBe(200);
  });

  test('fails with a permanent error if it is truncated and does not change', async () => {
    await using neuron = await TestNeuron.start();
    const path = join(neuron.modelsDir, 'cut.gguf');
    writeFileSync(path, readFileSync(CORTEX_TINY).subarray(0, 100_000));

    expect(await load(neuron, 'cut')).toMatchObject({ status: 422, retryAfter: null });
  });
});
