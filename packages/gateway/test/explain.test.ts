import { afterEach, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';

import { AdminExplanation } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

/** A host that holds `chat`, with room for it or for `coder`, and a smaller one. */
async function setUp(coderToml = '') {
  const beast = new FakeNeuron({
    memoryMib: 20_000,
    models: [
      // What leaves can be a part of a MiB; explanations say whole ones.
      { id: 'chat', vram_used_mb: 9000.4 },
      { id: 'coder', vram_used_mb: 15_000, status: 'unloaded' },
    ],
  });
  const laptop = new FakeNeuron({ memoryMib: 8000, models: [] });
  open.push(beast, laptop);
  const gateway = await GatewayUnderTest.start({
    neurons: { beast, laptop },
    toml: '[control]\npoll_interval_s = 0.1\n',
    modelsToml: `[[models]]\nid = "coder"\nvram_mb = 15000\n${coderToml}`,
  });
  open.push(gateway);
  return { beast, gateway };
}

const explanationOf = (response: Response): string =>
  decodeURIComponent(response.headers.get('x-cortex-explain') ?? '');

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
      need_estimated: false,
    });
    expect(text).toContain(
      'A node is asked first what it needs, and the load may then go elsewhere.',
    );
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
      chosen: 'beast',
      evicted: [{ node: 'beast', model: 'chat', why: 'idle', frees_mb: 9000 }],
    });
    expect(explanation.candidates?.map(({ node }) => node).toSorted()).toEqual(['beast', 'laptop']);
    expect(Date.now() - Date.parse(explanation.at ?? '')).toBeLessThan(60_000);
    expect(explanation.waited_ms).toBeGreaterThanOrEqual(0);
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
    expect(text[0]).toContain('was refused');
  });

  test('names the model that is pinned in the way, as the answer to a request does at once', async () => {
    const { beast, gateway } = await setUp();
    beast.setModel({ id: 'chat', pinned: true });
    await beast.call('/models', beast.count('/models') + 2);

    const answer = await gateway.chat({ model: 'coder' });
    const { error } = await answer.json();
    const { outlook, text } = await explain(gateway, 'model=coder');

    const why = 'beast has room for 11000 of 15000 MiB beside chat (pinned, 9000 MiB)';
    expect([answer.status, error.code]).toEqual([503, 'no_capacity']);
    expect(error.message).toContain(why);
    expect(explanationOf(answer)).toContain(why);
    expect(text[1]).toStartWith('No node can load it now: ');
    expect(text[1]).toContain(why);
    expect(outlook.candidates.find(({ node }) => node === 'beast')?.blockers).toEqual([
      { model: 'chat', why: 'pinned', held_mb: 9000 },
    ]);
  });

  test('says that requests do not load a manual model, and how it is loaded', async () => {
    const { gateway } = await setUp('load = "manual"\n');

    const { manual, text } = await explain(gateway, 'model=coder');

    expect(manual).toBe(true);
    expect(text[1]).toBe(
      'Requests do not load it (load = "manual" in models.toml): run "cortex load coder".',
    );
    expect(text[2]).toStartWith('A load would go to beast (needs 15000 MiB), unloading chat');
  });

  test('says that a request would wake a host, not that it is not up', async () => {
    const laptop = new FakeNeuron({ memoryMib: 8000, models: [] });
    const tower = new FakeNeuron();
    open.push(laptop);
    const gateway = await GatewayUnderTest.start({
      neurons: { laptop },
      toml: `[[neurons]]\nname = "tower"\nendpoint = "${tower.url}"\nexpected_offline = true\nwake = { mac = "00:1a:2b:3c:4d:5e", broadcast = "127.0.0.1", timeout_s = 90 }\n`,
      modelsToml: '[[models]]\nid = "coder"\nvram_mb = 15000\n',
      settled: false,
    });
    open.push(gateway);
    await tower.close();
    gateway.running.control.report({ kind: 'transport_failure', node: 'tower', model: 'coder' });
    await gateway.untilKnown(({ pendingNodes }) => pendingNodes === 0);

    const { outlook, text } = await explain(gateway, 'model=coder');

    expect(outlook).toMatchObject({ kind: 'wakes', node: 'tower', wake_ms: 90_000 });
    expect(text[1]).toBe('A request would wake tower and wait for it, at most 90 s.');
    expect(text.join(' ')).not.toContain('is not up');
  });

  test('is only about the node of id@node', async () => {
    const { gateway } = await setUp();

    const { node, outlook, text } = await explain(gateway, 'model=coder@laptop');

    expect(node).toBe('laptop');
    expect(outlook.candidates.map((candidate) => candidate.node)).toEqual(['laptop']);
    expect(text).toEqual([
      'coder is not loaded on laptop.',
      'No node can load it now: laptop has 8000 MiB for models, and 15000 MiB are needed.',
    ]);
  });

  test('remembers which node a request asked for', async () => {
    const { gateway } = await setUp();
    const answer = await gateway.chat({ model: 'coder@laptop' });

    const { text } = await explain(gateway, `request=${answer.headers.get('x-request-id') ?? ''}`);

    expect(text[0]).toMatch(/asked for coder on laptop and was refused.*: /);
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

describe('the explanation in answer and record', () => {
  test('of a request that waited for a load says where it went, what left, and what others lack', async () => {
    const { beast, gateway } = await setUp();
    const answer = gateway.chat({ model: 'coder' });
    (await beast.load()).succeed();
    (await beast.exchange()).json({ ok: true });
    const response = await answer;
    await response.text();

    const header = explanationOf(response);
    const { explain: recorded } = await gateway.record();
    expect(header).toMatch(
      /^It went to beast after .+\. coder was loaded on beast \d+ ms ago for a request \(needs 15000 MiB\), unloading chat .+ Other nodes at that time: laptop has 8000 MiB for models, and 15000 MiB are needed\.$/,
    );
    expect(recorded).toBe(header);
  });

  test('of a request that was refused has the reason', async () => {
    const { gateway } = await setUp();
    const response = await gateway.chat({ model: 'coder@laptop' });
    const unknown = await gateway.chat({ model: 'nobody' });

    expect(explanationOf(response)).toMatch(
      /^It was refused.*: No node can hold coder: laptop has/,
    );
    expect(explanationOf(unknown)).toMatch(/^It was refused.*: No model is named "nobody"/);
    expect((await gateway.record(2))['explain']).toBe(explanationOf(unknown));
  });

  test('of a stream that was committed before its load ended is only in the record', async () => {
    const { beast, gateway } = await setUp();
    const response = await gateway.chat({ model: 'coder', stream: true });
    (await beast.load()).succeed();
    (await beast.exchange()).stream().token('a').finish();
    await response.text();

    expect(response.headers.has('x-cortex-explain')).toBe(false);
    expect((await gateway.record())['explain']).toMatch(/^It went to beast after /);
  });

  test('of a request that got its slot at once does not exist', async () => {
    const { beast, gateway } = await setUp();
    const answer = gateway.chat({ model: 'chat' });
    (await beast.exchange()).json({ ok: true });
    const response = await answer;
    await response.text();

    expect(response.headers.has('x-cortex-explain')).toBe(false);
    expect(await gateway.record()).not.toHaveProperty('explain');
  });

  test('of a request that waited for a slot is only in the record', async () => {
    const one = { max_in_flight: 1, max_queue_depth: 0 };
    const neuron = new FakeNeuron({ models: [{ id: 'm', load: one }] });
    open.push(neuron);
    const gateway = await GatewayUnderTest.start({ neurons: { neuron } });
    open.push(gateway);
    const first = gateway.chat({ model: 'm' });
    const running = await neuron.exchange();
    const second = gateway.chat({ model: 'm' });
    while (gateway.running.control.waiting('m') === 0) await new Promise(setImmediate);
    running.json({ ok: true });
    (await neuron.exchange(2)).json({ ok: true });
    await (await first).text();
    const response = await second;
    await response.text();

    expect(response.headers.has('x-cortex-explain')).toBe(false);
    expect((await gateway.record(2))['explain']).toMatch(/^It went to neuron /);
  });
});

test('the example of docs/admin-api.md is an answer of this API', () => {
  const page = readFileSync(new URL('../../../docs/admin-api.md', import.meta.url), 'utf8');
  const [, example = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];

  expect(AdminExplanation.parse(JSON.parse(example)).outlook?.kind).toBe('plan');
});
