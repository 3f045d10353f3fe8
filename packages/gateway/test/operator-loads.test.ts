import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { ControlUnderTest, refusal } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());
const { signal } = new AbortController();

describe('the operator', () => {
  test('gets the node of a model that is already loaded, without a call to it', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a: neuron } });
    const result = await under.control.loadModel({ model: 'm' }, signal);
    expect(result).toEqual({ node: 'a', status: 'loaded' });
    expect(neuron.count('/models/load')).toBe(0);
  });

  test('can load on a chosen node, also during the back-off of a failed load', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    under = await ControlUnderTest.started({ neurons: { a } });
    const attempt = refusal(under.acquire());
    (await a.load()).fail({ status: 422, code: 'model_load_failed', message: 'broken' });
    await attempt;
    const result = await under.control.loadModel({ model: 'm', node: 'a' }, signal);
    expect(result).toEqual({ node: 'a', status: 'loading' });
    expect(under.statusOf('m')).toEqual(['a:loading']);
  });

  test('gets model_not_found with similar ids for an unload of an unknown model', async () => {
    const a = new FakeNeuron({ models: [{ id: 'Qwen3-8B' }] });
    under = await ControlUnderTest.started({ neurons: { a } });

    const error = await refusal(
      under.control.unloadModel({ model: 'Qwen3-8b', force: false }, signal),
    );

    expect(error).toMatchObject({
      code: 'model_not_found',
      message:
        'No model is named "Qwen3-8b". Did you mean "Qwen3-8B"? "cortex models" and GET /v1/models list all names.',
    });
  });

  test('gets an error for an unknown model that says what to do in a fleet without models', async () => {
    const a = new FakeNeuron();
    under = await ControlUnderTest.started({ neurons: { a } });

    const error = await refusal(
      under.control.unloadModel({ model: 'gpt-4o', force: false }, signal),
    );

    expect(error).toMatchObject({
      message:
        'No model is named "gpt-4o". There are no models yet: put a GGUF file into the models folder of a node, or add [[models]] to models.toml.',
    });
  });

  test('gets the names of the nodes for a model on an unknown one', async () => {
    const [a, b] = [new FakeNeuron({ models: [{ id: 'm' }] }), new FakeNeuron()];
    under = await ControlUnderTest.started({ neurons: { a, b } });

    const error = await refusal(
      under.control.unloadModel({ model: 'm@nowhere', force: false }, signal),
    );

    expect(error).toMatchObject({
      message: expect.stringContaining('There is no node "nowhere": the nodes are a, b.'),
    });
  });

  test('can unload a model from every node that holds it, with force if requested', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm' }] });
    const b = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a, b } });
    const results = await under.control.unloadModel({ model: 'm', force: true }, signal);
    expect(results).toEqual([
      { node: 'a', status: 'unloaded' },
      { node: 'b', status: 'unloaded' },
    ]);
    const { body } = await a.call('/models/unload');
    expect(JSON.parse(body)).toEqual({ model_id: 'm', force: true });
    expect(under.statusOf('m')).toEqual(['a:unloaded', 'b:unloaded']);
  });

  test('gets the error of the node unchanged', async () => {
    const a = new FakeNeuron({ models: [{ id: 'm' }] });
    under = await ControlUnderTest.started({ neurons: { a } });
    a.failPath('/models/unload', { status: 409, code: 'conflict', message: 'm is in use' });
    const error = await refusal(under.control.unloadModel({ model: 'm', force: false }, signal));
    expect(error).toMatchObject({ code: 'conflict', status: 409, message: 'm is in use' });
  });

  test('gets the names of the configured nodes in the error for an unknown node', async () => {
    const a = new FakeNeuron();
    under = await ControlUnderTest.started({ neurons: { a } });
    const error = await refusal(under.control.loadModel({ model: 'm', node: 'x' }, signal));
    expect(error).toMatchObject({ code: 'invalid_request', details: { param: 'node' } });
  });

  test('gets the reason of each node for a model that no node can hold', async () => {
    const a = new FakeNeuron();
    under = await ControlUnderTest.started({
      neurons: { a },
      catalogue: [{ id: 'm', harness: 'mistralrs' }],
    });
    const error = await refusal(under.control.loadModel({ model: 'm' }, signal));
    expect(error).toMatchObject({
      code: 'model_not_found',
      message: 'No node can serve m: a has no harness "mistralrs" (it has llama).',
    });
  });
});
