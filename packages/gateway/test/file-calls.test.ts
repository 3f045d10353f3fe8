import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());
const { signal } = new AbortController();

describe('a pull by the operator', () => {
  test('of a catalogued model goes where a load would go, with the source and quant of models.toml', async () => {
    const [a, b] = [new FakeNeuron(), new FakeNeuron()];
    under = await ControlUnderTest.started({
      neurons: { a, b },
      catalogue: [
        { id: 'm', harness: 'llama', source: 'hf:org/m', quant: 'Q8_0', pinnedOn: ['b'] },
      ],
    });

    const { node, pull } = await under.control.pullModel({ model: 'm' }, signal);

    expect(node).toBe('b');
    expect(pull).toMatchObject({ source: 'hf:org/m', quant: 'Q8_0', status: 'running' });
    expect(a.count('/models/pull')).toBe(0);
  });

  test('from a source of its own does not take the quant of models.toml', async () => {
    const a = new FakeNeuron();
    under = await ControlUnderTest.started({
      neurons: { a },
      catalogue: [{ id: 'm', harness: 'llama', source: 'hf:org/m', quant: 'Q8_0' }],
    });

    const { pull } = await under.control.pullModel({ model: 'm', source: 'hf:org/n' }, signal);

    expect(pull.source).toBe('hf:org/n');
    expect(pull.quant).toBeUndefined();
  });

  test('of an unknown model goes to the only node', async () => {
    const a = new FakeNeuron();
    under = await ControlUnderTest.started({ neurons: { a } });

    expect((await under.control.pullModel({ model: 'org/new' }, signal)).node).toBe('a');
  });

  test('of an unknown model has to name one of several nodes', async () => {
    under = await ControlUnderTest.started({
      neurons: { a: new FakeNeuron(), b: new FakeNeuron() },
    });

    const error = await refusal(under.control.pullModel({ model: 'org/new' }, signal));

    expect(error).toMatchObject({
      code: 'invalid_request',
      message: 'Choose the node for org/new, which cortex does not know yet: a, b.',
      details: { param: 'node' },
    });
  });

  test('to an unknown node gets the names of the nodes', async () => {
    under = await ControlUnderTest.started({ neurons: { a: new FakeNeuron() } });

    const error = await refusal(under.control.pullModel({ model: 'm', node: 'x' }, signal));

    expect(error).toMatchObject({ message: 'There is no node x. Configured nodes: a.' });
  });
});

test('the removal of files that no node has is refused', async () => {
  under = await ControlUnderTest.started({ neurons: { a: new FakeNeuron() } });

  const error = await refusal(under.control.removeFiles({ model: 'm' }, signal));

  expect(error).toMatchObject({
    code: 'model_not_found',
    message: 'No node that is up has files of m.',
  });
});
