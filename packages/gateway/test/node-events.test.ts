import { afterEach, describe, expect, test } from 'bun:test';

import { FakeEvents, type FakeModel, FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest, POLL_MS, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());

const M = {
  id: 'm',
  harness: 'llama',
  status: 'loaded',
  devices: [],
  capabilities: ['text'],
  settings: {},
  generation: 1,
  pinned: false,
  on_disk: true,
};

async function follow(models: readonly FakeModel[] = [{ id: 'm' }]) {
  const events = new FakeEvents();
  const neuron = new FakeNeuron({ models, events });
  under = await ControlUnderTest.started({ neurons: { a: neuron } });
  await events.connections.nth(1);
  return { events, neuron };
}

const statusIs = (status: string) => () => under.statusOf('m').includes(`a:${status}`);

describe('cortex', () => {
  test('applies a change of a model that its node reports by event, without a poll', async () => {
    const { events, neuron } = await follow();
    const polls = neuron.count('/models');

    events.emit({ kind: 'model', model: { ...M, status: 'draining' } });

    await under.until(statusIs('draining'));
    expect(neuron.count('/models')).toBe(polls);
  });

  test('polls a node at once when a model becomes loaded there, because the report has its path and slots', async () => {
    const { events, neuron } = await follow([{ id: 'm', status: 'unloaded' }]);
    neuron.setModel({ id: 'm', status: 'loaded', load: { max_in_flight: 7 } });

    events.emit({ kind: 'model', model: M });

    const snapshot = await under.until(statusIs('loaded'));
    expect(snapshot.replicasByModel.get('m')?.[0]?.load?.maxInFlight).toBe(7);
  });

  test('drops a model that its node no longer has', async () => {
    const { events } = await follow();

    events.emit({ kind: 'model_gone', id: 'm' });

    await under.until((snapshot) => !snapshot.replicasByModel.has('m'));
  });

  test('gives a node no new requests as soon as it reports a drain', async () => {
    const { events, neuron } = await follow();
    neuron.setDraining('draining');

    events.emit({ kind: 'draining', draining: true });

    await under.until(({ nodes }) => nodes.get('a')?.isDraining === true);
    expect(await refusal(under.acquire())).toMatchObject({ code: 'no_capacity' });
  });

  test('takes over new readings of devices', async () => {
    const { events } = await follow();

    events.emit({ kind: 'devices', devices: [{ index: 0, vram_free_mb: 5 }] });

    await under.until(({ nodes }) => nodes.get('a')?.health?.devices[0]?.vram_free_mb === 5);
  });

  test('ignores an event of a kind that it does not know', async () => {
    const { events } = await follow();
    events.revision += 1;
    events.send(`event: weather\ndata: {"revision":${events.revision}}\n\n`);

    events.emit({ kind: 'model', model: { ...M, status: 'draining' } });

    await under.until(statusIs('draining'));
  });

  test('serves a node without events by polls alone, and does not ask again for them', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    await neuron.call('/events');

    for (let poll = 0; poll < 3; poll += 1) await under.pollAgain();

    expect(neuron.count('/events')).toBe(1);
    expect(under.statusOf('m')).toEqual(['a:loaded']);
  });

  test('polls a node whose events end, and follows them again', async () => {
    const { events, neuron } = await follow();
    await under.clock.whenSet(POLL_MS);
    under.clock.advance(5000);
    const polls = neuron.count('/models');

    (await events.connections.nth(1)).end();

    await neuron.call('/models', polls + 1);
    await events.connections.nth(2);
  });

  const DAMAGE = [
    ['a revision that leaves a gap', 'event: model_gone\ndata: {"revision":1009,"id":"m"}\n\n'],
    ['an event without a revision', 'event: model_gone\ndata: {"id":"m"}\n\n'],
    ['an event that is not JSON', 'event: model_gone\ndata: {"revision"\n\n'],
    ['a member of another type', 'event: model_gone\ndata: {"revision":1001,"id":7}\n\n'],
  ] as const;
  for (const [what, text] of DAMAGE) {
    test(`closes a stream of events with ${what}, and believes the next poll`, async () => {
      const { events } = await follow();

      events.send(text);
      await under.pollAgain();

      await events.connections.nth(2);
      expect(under.statusOf('m')).toEqual(['a:loaded']);
    });
  }

  test('gives up a stream of events that is silent for 45 s', async () => {
    const { events } = await follow();
    await under.clock.whenSet(45_000);

    under.clock.advance(45_000);

    await events.connections.nth(2);
  });

  test('leaves no stream of events behind when it closes', async () => {
    const { events } = await follow();

    await under.control.close();

    while (events.readerCount > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(under.clock.pendingTimers).toBe(0);
  });
});
