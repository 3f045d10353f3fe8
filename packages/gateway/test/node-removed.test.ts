import { afterEach, describe, expect, test } from 'bun:test';

import { listAdminNodes, listModels } from '@cortex/fleet';
import { FakeNeuron } from '@cortex/testkit';

import { configOf, ControlUnderTest, POLL_MS, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
const others: FakeNeuron[] = [];
afterEach(async () => {
  await under.close();
  await Promise.all(others.splice(0).map((neuron) => neuron.close()));
});

const settings = (neurons: Readonly<Record<string, FakeNeuron>>) => ({
  config: configOf(neurons),
  catalogue: [],
  aliases: [],
});

describe('a node taken out of the configuration', () => {
  test('leaves no location, no lease and no poll, while its stream still ends', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm' }] });
    const b = new FakeNeuron({ models: [{ id: 'n' }] });
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const lease = await under.acquire();
    expect(under.control.inFlight('a')).toBe(1);

    under.control.reconfigure(settings({ b }));
    const { control } = under;
    expect(control.inFlight('a')).toBe(0);
    expect(listAdminNodes(control.snapshot(), control).map(({ name }) => name)).toEqual(['b']);
    expect(listModels(control.snapshot(), { createdS: 1 }).map(({ id }) => id)).toEqual(['n']);
    lease.release();
    expect(control.inFlight('a')).toBe(0);
    const polls = a.count('/health');
    await under.clock.whenSet(POLL_MS);
    under.clock.advance(POLL_MS);
    await b.call('/models', 2);
    expect(a.count('/health')).toBe(polls);
  });

  test('answers those who wait for its load', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    const b = new FakeNeuron();
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const waiting = refusal(under.acquire());
    await a.load();
    under.control.reconfigure(settings({ b }));
    expect(await waiting).toMatchObject({ code: 'model_not_found' });
  });
});

describe('another machine under an old name', () => {
  test('inherits neither models nor leases', async () => {
    const old = new FakeNeuron({ models: [{ id: 'm' }] });
    const fresh = new FakeNeuron({ models: [{ id: 'n' }] });
    others.push(fresh);
    under = await ControlUnderTest.started({ neurons: { a: old } });
    const lease = await under.acquire();
    under.control.reconfigure(settings({ a: fresh }));
    await under.until(({ nodes }) => nodes.get('a')?.state === 'up');
    expect(under.statusOf('m')).toEqual([]);
    expect(under.statusOf('n')).toEqual(['a:loaded']);
    const other = await under.acquire({ model: 'n' });
    lease.release();
    expect(under.control.inFlight('a')).toBe(1);
    other.release();
    expect(under.control.inFlight('a')).toBe(0);
  });
});
