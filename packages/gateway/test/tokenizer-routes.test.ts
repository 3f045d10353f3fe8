/** Tokenizer routes need the file of a model, but no slot. */
import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(modelsToml = '') {
  const empty = new FakeNeuron({ models: [] });
  const holder = new FakeNeuron({ models: [{ id: 'org/model', status: 'unloaded' }] });
  open.push(empty, holder);
  const gateway = await GatewayUnderTest.start({
    neurons: { 'a-empty': empty, 'b-holder': holder },
    modelsToml,
  });
  open.push(gateway);
  return { empty, holder, gateway };
}

test.each(['/tokenize', '/detokenize'])(
  '%s for a model that is not loaded is served by a node with its file, without a load',
  async (path) => {
    const { empty, holder, gateway } = await setUp();

    const answer = gateway.post(path, { model: 'org/model', content: 'a', tokens: [1] });
    (await holder.exchange()).json({ tokens: [1] });

    expect((await answer).headers.get('x-cortex-node')).toBe('b-holder');
    expect([empty, holder].map((neuron) => neuron.count('/models/load'))).toEqual([0, 0]);
  },
);

test('/tokenize for a model without a file on any node is answered 503, without a load', async () => {
  const { empty, holder, gateway } = await setUp('[[models]]\nid = "org/far"\n');

  const answer = await gateway.post('/tokenize', { model: 'org/far', content: 'a' });

  expect(answer.status).toBe(503);
  expect(toObject(toObject(await answer.json())['error'])).toMatchObject({
    code: 'no_capacity',
    message: expect.stringContaining('No node that is up has the file'),
  });
  expect([empty, holder].map((neuron) => neuron.count('/models/load'))).toEqual([0, 0]);
});

test('/tokenize for an unknown model is answered 404', async () => {
  const { gateway } = await setUp();

  expect((await gateway.post('/tokenize', { model: 'nope', content: 'a' })).status).toBe(404);
});
