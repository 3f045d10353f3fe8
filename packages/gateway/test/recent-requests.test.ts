import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { AdminRequests } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

let neuron: FakeNeuron;
let gateway: GatewayUnderTest;
beforeAll(async () => {
  neuron = new FakeNeuron({
    models: [{ id: 'a' }, { id: 'b' }],
    answer: (exchange) => exchange.json({ choices: [] }),
  });
  gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  for (const model of ['a', 'b', 'nobody', 'a']) {
    const answer = await gateway.chat(
      { model, messages: [{ role: 'user', content: 'secret words' }] },
      { headers: { 'x-request-id': `asks-${model}` } },
    );
    await answer.text();
  }
});
afterAll(async () => {
  await gateway.close();
  await neuron.close();
});

const requests = async (query = '') => {
  const response = await gateway.admin(`/requests${query}`);
  expect(response.status).toBe(200);
  return AdminRequests.parse(await response.json()).requests;
};

describe('GET /admin/v1/requests', () => {
  test('lists the last requests, newest first, with outcome and times', async () => {
    const [first, ...others] = await requests();

    expect(first).toMatchObject({
      request_id: 'asks-a',
      api: 'chat',
      model: 'a',
      node: 'beast',
      outcome: 'ok',
      status: 200,
      attempts: 1,
    });
    expect(Number(first?.total_ms)).toBeGreaterThan(0);
    expect(others.map(({ model, outcome }) => `${model} ${outcome}`)).toEqual([
      'unknown not_found',
      'b ok',
      'a ok',
    ]);
    expect(JSON.stringify([first, ...others])).not.toContain('secret');
  });

  test.each([
    ['?model=a', ['asks-a', 'asks-a']],
    ['?model=a&limit=1', ['asks-a']],
    ['?node=beast&outcome=ok&limit=2', ['asks-a', 'asks-b']],
    ['?outcome=not_found', ['asks-nobody']],
    ['?node=laptop', []],
  ])('with %p lists those that match', async (query, ids) => {
    expect((await requests(query)).map(({ request_id }) => request_id)).toEqual(ids);
  });

  test.each([
    ['?limit=0', '"limit" must be at least 1'],
    ['?limit=many', '"limit" must be a number'],
    ['?modle=a', '"modle" is not a known field'],
  ])('refuses %p and says why', async (query, message) => {
    const response = await gateway.admin(`/requests${query}`);

    expect(response.status).toBe(400);
    expect(await response.text()).toContain(JSON.stringify(message).slice(1, -1));
  });
});
