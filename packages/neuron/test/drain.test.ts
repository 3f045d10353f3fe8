import { join } from 'node:path';

import { createGate } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { createTestFolder, readUntil, scriptedEngine, TestNeuron, until } from './test-neuron.ts';

const scripted = (options = {}) =>
  TestNeuron.start({ parts: { startEngine: scriptedEngine() }, ...options });

const drain = async (neuron: TestNeuron, body: unknown) => {
  const answer = await neuron.post('/drain', body);
  return { status: answer.status, ...(await answer.json()) };
};

describe('a draining node', () => {
  test('refuses loads with 503 and the reason, and reports the drain', async () => {
    await using neuron = await scripted();
    expect(await drain(neuron, { draining: true })).toEqual({ status: 200, draining: true });

    const answer = await neuron.post('/models/load?wait=true', { model_id: 'tiny' });

    const { error } = await answer.json();
    expect(answer.status).toBe(503);
    expect(error).toMatchObject({ code: 'no_capacity' });
    expect(error.message).toContain('draining');
    expect(await neuron.health()).toMatchObject({ draining: true });
    expect((await neuron.model()).status).toBe('unloaded');
  });

  test('finishes running requests and serves its loaded models', async () => {
    const gate = createGate();
    await using neuron = await TestNeuron.start({
      parts: {
        startEngine: scriptedEngine({
          answer: () => ({ items: [{ text: 'one ' }, { text: 'two' }], gates: { 1: gate } }),
        }),
      },
    });
    await neuron.load();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), 'one');

    await drain(neuron, { draining: true });
    gate.open();

    await readUntil(reader, '[DONE]');
    expect((await neuron.chat()).status).toBe(200);
    expect((await neuron.post('/models/load', { model_id: 'tiny' })).status).toBe(200);
  });

  test('loads models again when the drain is undone', async () => {
    await using neuron = await scripted();
    await drain(neuron, { draining: true });

    await drain(neuron, { draining: false });

    await neuron.load();
    expect(await neuron.health()).toMatchObject({ draining: false });
  });

  test('loads models again by itself when for_s has passed', async () => {
    await using neuron = await scripted();
    expect(await drain(neuron, { draining: true, for_s: 0.5 })).toEqual({
      status: 200,
      draining: true,
      for_s: 1,
    });

    await until(async () => !(await neuron.health()).draining);

    await neuron.load();
  });

  test('still drains after a restart of the daemon, and lets models be unloaded', async () => {
    const folder = createTestFolder();
    const first = await scripted({ folder });
    await drain(first, { draining: true, for_s: 3600 });
    await first.close();

    await using second = await scripted({ folder });

    expect(await second.health()).toMatchObject({ draining: true });
    expect((await second.health()).drain_remaining_s).toBeGreaterThan(3500);
    expect((await second.post('/models/unload', { model_id: 'tiny' })).status).toBe(200);
  });

  test.each([
    ['draining', {}],
    ['draining', { draining: 'yes' }],
    ['for_s', { draining: true, for_s: 0 }],
    ['for_s', { draining: true, for_s: 1e9 }],
    ['for_s', { draining: false, for_s: 5 }],
    ['until', { draining: true, until: 'tomorrow' }],
  ])('names %s in the refusal of the call %j', async (param, body) => {
    await using neuron = await scripted();

    const answer = await neuron.post('/drain', body);

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.param).toBe(param);
    expect(await neuron.health()).toMatchObject({ draining: false });
  });
});

describe('a pin', () => {
  test('keeps a model loaded beyond its TTL, and its end lets the TTL unload it', async () => {
    await using neuron = await scripted();
    await neuron.load({ ttl_s: 0.1 });
    const pinned = await neuron.post('/models/tiny/pin', { pinned: true });
    expect(await pinned.json()).toEqual({ id: 'tiny', pinned: true });
    await until(async () => ((await neuron.model()).idle_ms ?? 0) > 1500);
    expect(await neuron.model()).toMatchObject({ status: 'loaded', pinned: true });

    await neuron.post('/models/tiny/pin', { pinned: false });

    await until(async () => (await neuron.model()).status === 'unloaded');
  });

  test('and a TTL survive a restart of the daemon', async () => {
    const folder = createTestFolder();
    const first = await scripted({ folder });
    await first.load({ ttl_s: 0.1 });
    await first.post('/models/tiny/pin', { pinned: true });
    await first.close();

    await using second = await scripted({ folder });

    expect(await second.model()).toMatchObject({ status: 'unloaded', pinned: true });
    await second.load();
    await second.post('/models/tiny/pin', { pinned: false });
    await until(async () => (await second.model()).status === 'unloaded');
  });

  test('of a load call is taken back by a later one that does not have it', async () => {
    await using neuron = await scripted();
    await neuron.load({ ttl_s: 60, pinned: true });

    await neuron.load({ ttl_s: 5, pinned: false });

    expect(await neuron.model()).toMatchObject({
      status: 'loaded',
      generation: 1,
      pinned: false,
      residency: { ttl_s: 5, pinned: false },
    });
  });

  test('of an operator stays when a load call takes back its own', async () => {
    await using neuron = await scripted();
    await neuron.load({ pinned: true });
    await neuron.post('/models/tiny/pin', { pinned: true });

    await neuron.load({ pinned: false });

    expect(await neuron.model()).toMatchObject({ pinned: true, residency: { pinned: false } });
  });

  test('of a load call is undone by an operator until the next one', async () => {
    await using neuron = await scripted();
    await neuron.load({ pinned: true });

    await neuron.post('/models/tiny/pin', { pinned: false });
    expect(await neuron.model()).toMatchObject({ pinned: false });

    await neuron.load({ pinned: true });
    expect(await neuron.model()).toMatchObject({ pinned: true });
  });

  test('of an unknown model is a 404', async () => {
    await using neuron = await scripted();

    expect((await neuron.post('/models/org/nobody/pin', { pinned: true })).status).toBe(404);
  });

  test('works for an id with a slash, as it is and encoded', async () => {
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine() },
      prepare: (dir) => void Bun.write(join(dir, 'org', 'm.gguf'), 'GGUF'),
    });
    await neuron.post('/models/rescan', {});

    const plain = await neuron.post('/models/org/m/pin', { pinned: true });
    const encoded = await neuron.post('/models/org%2Fm/pin', { pinned: true });

    expect([plain.status, encoded.status]).toEqual([200, 200]);
    expect(await neuron.model('org/m')).toMatchObject({ pinned: true });
  });

  test('is kept although the state folder was removed, and is lost only with the daemon', async () => {
    await using neuron = await scripted();
    const state = join(neuron.root, 'state');
    await Bun.$`rm -rf ${state}`.quiet();

    await neuron.post('/models/tiny/pin', { pinned: true });

    expect(await Bun.file(join(state, 'node.json')).json()).toMatchObject({
      models: [{ id: 'tiny', pinned: true }],
    });
  });
});
