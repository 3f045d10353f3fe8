import { afterEach, describe, expect, test } from 'bun:test';

import { AdminExplanation } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

/** A host that holds `chat`, with room for it or for `coder`, and a smaller one. */
async function setUp() {
  const beast = new FakeNeuron({
    memoryMib: 20_000,
    models: [
      { id: 'chat', vram_used_mb: 9000 },
      { id: 'coder', vram_used_mb: 15_000, status: 'unloaded' },
    ],
  });
  const laptop = new FakeNeuron({ memoryMib: 8000, models: [] });
  open.push(beast, laptop);
  const gateway = await GatewayUnderTest.start({
    neurons: { beast, laptop },
    toml: '[control]\npoll_interval_s = 0.1\n',
    modelsToml: '[[models]]\nid = "coder"\nvram_mb = 15000\n',
  });
  open.push(gateway);
  return { beast, gateway };
}

async function explain(gateway: GatewayUnderTest, query: string): Promise<AdminExplanation> {
  const response = await gateway.admin(`/explain?${query}`);
  expect(response.status).toBe(200);
  return AdminExplanation.parse(await response.json());
}

describe('GET /admin/v1/explain', () => {
  test('says where a model would be loaded, what leaves for it, and what other nodes lack', async () => {
    const { gateway } = await setUp();
    const { outlook, text } = await explain(gateway, 'model=coder');

    expect(outlook).toMatchObject({
      kind: 'plan',
      node: 'beast',
      need_mb: 15_000,
      victims: [{ model: 'chat', frees_mb: 9000, why: 'idle' }],
    });
    expect(outlook.candidates.find(({ node }) => node === 'laptop')).toMatchObject({
      feasible: false,
      lacked: [{ what: 'memory', need: 15_000, have: 8000, unit: 'MiB' }],
    });
    expect(text).toContain(
      'Other nodes: laptop has 8000 MiB for models, and 15000 MiB are needed.',
    );
  });

  test('says how fast the model would answer there, from what another one shows of that node', async () => {
    const { beast, gateway } = await setUp();
    beast.setModel({ id: 'chat', load: { tok_s_decode: 20 } });
    await beast.call('/health', beast.count('/health') + 2);

    const { outlook, text } = await explain(gateway, 'model=coder');

    // 20 tokens/s × 9000 MiB ÷ 15,000 MiB.
    const candidate = outlook.candidates.find(({ node }) => node === 'beast');
    expect(candidate?.speed).toEqual({ tok_s: 12, measured: false });
    expect(text[1]).toStartWith(
      'A load would go to beast (needs 15000 MiB, about 12 tokens/s), unloading chat (idle',
    );
  });

  test('says what was decided about a request that waited for a load', async () => {
    const { beast, gateway } = await setUp();
    const answer = gateway.chat({ model: 'coder' });
    (await beast.load()).succeed();
    (await beast.exchange()).json({ ok: true });
    const requestId = (await answer).headers.get('x-request-id') ?? '';

    const explanation = await explain(gateway, `request=${requestId}`);

    expect(explanation).toMatchObject({
      model: 'coder',
      outcome: 'granted',
      request_id: requestId,
    });
    expect(explanation.text[0]).toMatch(/^req_\w+ asked for coder and went to beast after \d/);
    expect(explanation.text[1]).toMatch(
      /^coder was loaded on beast \d+ ms ago for a request \(needs 15000 MiB\), unloading chat \(idle, frees 9000 MiB, /,
    );
  });

  test('says that a request was refused and why', async () => {
    const { beast, gateway } = await setUp();
    beast.setDraining('draining');
    await beast.call('/health', 2);

    const answer = await gateway.chat({ model: 'coder' });
    const requestId = answer.headers.get('x-request-id') ?? '';

    const { outcome, text } = await explain(gateway, `request=${requestId}`);
    expect([outcome, answer.status]).toEqual(['refused', 503]);
    expect(text[0]).toContain('was refused: ');
  });

  test.each([
    ['model=nobody', 404, 'model_not_found'],
    ['request=nothing', 400, 'invalid_request'],
    ['', 400, 'invalid_request'],
  ])('refuses %p', async (query, status, code) => {
    const { gateway } = await setUp();

    const response = await gateway.admin(`/explain?${query}`);

    expect(response.status).toBe(status);
    expect(await response.text()).toContain(code);
  });
});
