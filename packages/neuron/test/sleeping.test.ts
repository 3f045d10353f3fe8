import { FakeServer } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { scriptedEngine, TestNeuron } from './test-neuron.ts';
import { ID, LifecycleUnderTest } from './lifecycle-under-test.ts';

/** A loaded model on a harness that can put models to sleep. */
async function loaded(): Promise<LifecycleUnderTest> {
  const subject = new LifecycleUnderTest();
  subject.load('waits');
  await subject.settle();
  subject.fake.endLoad(ID, 'ok');
  await subject.settle();
  return subject;
}

describe('a model that is put to sleep', () => {
  test('gives its memory back and keeps its settings', async () => {
    const { lifecycle, ledger } = await loaded();
    const before = ledger.cpu.usedMib;

    await lifecycle.sleep();

    expect(lifecycle.state).toBe('sleeping');
    expect([before, ledger.cpu.usedMib]).toEqual([10, 0]);
    expect(lifecycle.settings).toBeDefined();
  });

  test('reserves its memory again when it wakes, and serves', async () => {
    const { lifecycle, ledger, states } = await loaded();
    await lifecycle.sleep();

    await lifecycle.wake(new AbortController().signal);

    expect(ledger.cpu.usedMib).toBe(10);
    expect(states.slice(-4)).toEqual(['loaded', 'sleeping', 'loading', 'loaded']);
  });

  test('counts with what its process keeps until it wakes or leaves', async () => {
    const { lifecycle, ledger, fake } = await loaded();
    fake.asleepMib = 3;
    await lifecycle.sleep();
    const asleepMib = ledger.cpu.usedMib;
    await lifecycle.wake(new AbortController().signal);
    const awakeMib = ledger.cpu.usedMib;
    await lifecycle.sleep();
    await lifecycle.unload({ force: false, ifIdle: true, ifGeneration: undefined });

    expect([asleepMib, awakeMib, ledger.cpu.usedMib]).toEqual([3, 10, 0]);
  });

  test('stays awake if it was loaded again since its generation was read', async () => {
    const { lifecycle } = await loaded();

    expect(lifecycle.sleep(lifecycle.generation + 1)).rejects.toMatchObject({ code: 'conflict' });
    expect(lifecycle.state).toBe('loaded');
    await lifecycle.sleep(lifecycle.generation);
    expect(lifecycle.state).toBe('sleeping');
  });

  test('wakes for a load call', async () => {
    const { lifecycle } = await loaded();
    await lifecycle.sleep();

    const result = await lifecycle.load({ model_id: ID }, new AbortController().signal);

    expect([result, lifecycle.state]).toEqual(['loaded', 'loaded']);
  });

  test('has failed with the reason when its process is gone at the wake, and holds nothing', async () => {
    const subject = await loaded();
    const { lifecycle, fake, ledger } = subject;
    await lifecycle.sleep();
    fake.happen(ID, 'fails');

    expect(lifecycle).toMatchObject({ state: 'failed', reason: 'm failed: it died.' });
    expect(ledger.cpu.usedMib).toBe(0);
  });

  test('is not put to sleep while a request runs', async () => {
    const subject = await loaded();
    subject.takeSeat();

    expect(subject.lifecycle.sleep()).rejects.toMatchObject({ code: 'conflict' });
    expect(subject.lifecycle.state).toBe('loaded');
  });

  test('is unloaded when its harness could not put it to sleep, because its memory is unknown', async () => {
    const subject = await loaded();
    subject.sleep('fails');
    await subject.settle();

    expect(subject.lifecycle.state).toBe('unloaded');
    expect(subject.ledger.cpu.usedMib).toBe(0);
  });
});

test('a model of vLLM sleeps and wakes by the API, and is refused meanwhile', async () => {
  const options = { models: ['org/m'], contextTokens: 512, slots: 2, hasVision: false };
  using server = new FakeServer({ port: 0, ...options });
  await using neuron = await TestNeuron.start({
    flags: { harnesses: [{ name: 'mine', kind: 'vllm', endpoint: server.url }] },
  });
  await neuron.load({ model_id: 'org/m', harness: 'mine' });

  const { can_sleep: canSleep, generation } = await neuron.model('org/m');
  const other = await neuron.post('/models/org/m/sleep', { if_generation: generation + 1 });
  const odd = await neuron.post('/models/org/m/sleep', { if_idle: true });
  expect([canSleep, other.status, odd.status]).toEqual([true, 409, 400]);
  const slept = await neuron.post('/models/org/m/sleep', { if_generation: generation });
  const asleep = await neuron.model('org/m');
  const refused = await neuron.chat({ model: 'org/m' });
  const woken = await neuron.post('/models/org/m/wake', {});
  const answer = await neuron.chat({ model: 'org/m' });

  expect([slept, refused, woken, answer].map(({ status }) => status)).toEqual([200, 404, 200, 200]);
  expect(asleep).toMatchObject({ status: 'sleeping', servable: { ok: false, reason: 'sleeping' } });
  expect((await neuron.model('org/m')).status).toBe('loaded');
  const paths = server.seen.map(({ path }) => path);
  expect(paths.filter((path) => /sleep\?|wake/.test(path))).toEqual(['/sleep?level=1', '/wake_up']);
});

test('a model of vLLM that shares its server does not say that it can sleep', async () => {
  const options = { models: ['org/m', 'org/n'], contextTokens: 512, slots: 2, hasVision: false };
  using server = new FakeServer({ port: 0, ...options });
  await using neuron = await TestNeuron.start({
    flags: { harnesses: [{ name: 'mine', kind: 'vllm', endpoint: server.url }] },
  });
  await neuron.load({ model_id: 'org/m', harness: 'mine' });
  await neuron.load({ model_id: 'org/n', harness: 'mine' });

  expect((await neuron.model('org/m')).can_sleep).toBeUndefined();
  expect((await neuron.post('/models/org/m/sleep', {})).status).toBe(422);
  expect((await neuron.model('org/m')).status).toBe('loaded');
  await neuron.post('/models/unload', { model_id: 'org/n' });
  expect((await neuron.model('org/m')).can_sleep).toBe(true);
});

test('a model of vLLM that was not started for sleep says so, and stays loaded', async () => {
  const options = { models: ['org/m'], contextTokens: 512, slots: 2, hasVision: false };
  using server = new FakeServer({ port: 0, ...options, cannotSleep: true });
  await using neuron = await TestNeuron.start({
    flags: { harnesses: [{ name: 'mine', kind: 'vllm', endpoint: server.url }] },
  });
  await neuron.load({ model_id: 'org/m', harness: 'mine' });

  const { can_sleep: canSleep } = await neuron.model('org/m');
  const refused = await neuron.post('/models/org/m/sleep', {});

  expect([canSleep, refused.status]).toEqual([undefined, 422]);
  expect((await refused.json()).error.message).toContain('--enable-sleep-mode');
  expect((await neuron.chat({ model: 'org/m' })).status).toBe(200);
});

describe('a harness that cannot put models to sleep', () => {
  test('is named in the 422 of POST /models/{id}/sleep', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load();

    const answer = await neuron.post('/models/tiny/sleep', {});

    expect(answer.status).toBe(422);
    expect((await answer.json()).error.message).toContain('llama');
    expect(await neuron.model()).toMatchObject({ status: 'loaded' });
    expect(await neuron.model()).not.toHaveProperty('can_sleep');
  });

  test.each([
    ['sleep', 'tiny', 409],
    ['wake', 'tiny', 409],
    ['sleep', 'nobody', 404],
    ['wake', 'nobody', 404],
  ])('POST %s of the model %s, which is not loaded, is %p', async (call, id, status) => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    expect((await neuron.post(`/models/${id}/${call}`, {})).status).toBe(status);
  });
});
