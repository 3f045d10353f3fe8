import { afterEach, describe, expect, test } from 'bun:test';

import { parseAdminEvent } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { FleetFeed } from '../src/admin/fleet-feed.ts';
import { WORDS } from '../src/control/words.ts';
import { ControlUnderTest } from './control-under-test.ts';

const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp() {
  const beast = new FakeNeuron({ models: [{ id: 'm', load: { max_in_flight: 100 } }] });
  const under = await ControlUnderTest.started({ neurons: { beast } });
  open.push(under);
  const ticks = new Map<number, () => void>();
  const feed = new FleetFeed({
    control: under.control,
    every: (everyMs, run) => {
      ticks.set(everyMs, run);
      return () => ticks.delete(everyMs);
    },
    view: { activity: under.control, words: WORDS },
  });
  open.push(feed);
  const events = feed.read(new AbortController().signal, () => undefined);
  /** What has been published since the last call, after the event loop has turned. */
  const published = async () => {
    await new Promise(setImmediate);
    feed.close();
    const texts = await Array.fromAsync(events);
    return texts
      .join('')
      .split('\n\n')
      .filter((text) => text !== '')
      .map((text) => {
        const [name = '', data = ''] = text.split('\n');
        return parseAdminEvent(name.slice('event: '.length), data.slice('data: '.length));
      });
  };
  return { under, beast, ticks, feed, published, events };
}

describe('the feed of the fleet', () => {
  test('publishes nothing for a request that starts or ends', async () => {
    const { under, events, published } = await setUp();
    await events.next();

    for (let index = 0; index < 20; index += 1) {
      (await under.acquire({ model: 'm', requestId: `r${index}` })).release();
    }

    expect(await published()).toEqual([]);
  });

  test('publishes the numbers of running requests once per second', async () => {
    const { under, ticks, events, published } = await setUp();
    await events.next();
    for (let index = 0; index < 20; index += 1) await under.acquire({ model: 'm' });

    ticks.get(1000)?.();
    ticks.get(1000)?.();

    expect(await published()).toMatchObject([
      { kind: 'node', node: { in_flight: 20 } },
      { kind: 'model', model: { replicas: [{ in_flight: 20 }] } },
    ]);
  });

  test('publishes nothing for a report that says the same again', async () => {
    const { under, events, published } = await setUp();
    await events.next();

    await under.pollAgain();

    expect(await published()).toEqual([]);
  });

  test('collects the changes of one turn of the event loop', async () => {
    const { under, events, published } = await setUp();
    await events.next();

    for (const kind of ['model_not_loaded', 'node_recovering'] as const) {
      under.control.report({ kind, node: 'beast', model: 'm' });
    }

    const models = (await published()).filter(({ kind }) => kind === 'model');
    expect(models).toMatchObject([{ model: { status: 'recovering' } }]);
  });

  test('stops its timers when it closes', async () => {
    const { feed, ticks } = await setUp();

    feed.close();

    expect(ticks.size).toBe(0);
  });
});
