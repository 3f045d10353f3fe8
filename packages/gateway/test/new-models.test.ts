import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());
const { signal } = new AbortController();

/** A node that finds the model `fresh` in a rescan. */
function nodeWithNewFile(): FakeNeuron {
  const neuron = new FakeNeuron({
    rescanned: () => neuron.setModel({ id: 'fresh', status: 'unloaded', on_disk: true }),
  });
  return neuron;
}

describe('a model whose file was just added to a models folder', () => {
  test('is found by the first request that names it', async () => {
    const a = new FakeNeuron();
    const b = nodeWithNewFile();
    under = await ControlUnderTest.started({ neurons: { a, b } });

    expect(under.control.resolve('fresh').kind).toBe('unknown');
    expect(await under.control.resolveSettled('fresh', signal)).toMatchObject({
      kind: 'model',
      model: 'fresh',
    });

    expect(under.statusOf('fresh')).toEqual(['b:unloaded']);
    expect([a.count('/models/rescan'), b.count('/models/rescan')]).toEqual([1, 1]);
  });

  test('is found by a load of the operator and by id@node', async () => {
    const a = nodeWithNewFile();
    under = await ControlUnderTest.started({ neurons: { a } });

    expect(await under.control.resolveSettled('fresh@a', signal)).toMatchObject({
      model: 'fresh',
      node: 'a',
    });
    expect(await under.control.loadModel({ model: 'fresh' }, signal)).toMatchObject({ node: 'a' });
  });

  test('causes one or two scans per node when a hundred requests name it at once', async () => {
    const a = nodeWithNewFile();
    under = await ControlUnderTest.started({ neurons: { a } });

    const found = await Promise.all(
      Array.from({ length: 100 }, () => under.control.resolveSettled('fresh', signal)),
    );

    expect(found.every(({ kind }) => kind === 'model')).toBe(true);
    expect(a.count('/models/rescan')).toBe(1);
  });

  test('is answered 404 if no node has it, also when a node cannot scan or is down', async () => {
    const a = new FakeNeuron();
    const old = new FakeNeuron();
    old.failPath('/models/rescan', { status: 404, code: 'invalid_request', message: 'no route' });
    under = await ControlUnderTest.started({ neurons: { a, old } });

    expect((await under.control.resolveSettled('nobody', signal)).kind).toBe('unknown');
    expect(await refusal(under.acquire({ model: 'nobody' }))).toMatchObject({ status: 404 });
  });
});
