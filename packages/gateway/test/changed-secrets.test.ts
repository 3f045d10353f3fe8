/** The files of the node token and the admin key change while the gateway runs. */
import { afterEach, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { FakeClock, type FakeExchange, FakeNeuron } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { GatewayUnderTest, readParts } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

/** A gateway with one node, both with the token `old`. */
async function start({
  answer,
  clock,
}: {
  readonly answer?: (exchange: FakeExchange) => void;
  readonly clock?: FakeClock;
} = {}) {
  const token = join(temporaryFolder('changed-secrets'), 'token');
  writeFileSync(token, 'old\n', { mode: 0o600 });
  const neuron = new FakeNeuron({
    models: [{ id: 'm' }],
    token: 'old',
    ...(answer !== undefined && { answer }),
  });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({
    neurons: { beast: neuron },
    toml: `[auth]\nnode_token_file = "${token}"\n`,
    clock,
  });
  open.push(gateway);
  return { neuron, gateway, token };
}

/** Waits for the first call of the node with this token. */
async function whenCalledWith(neuron: FakeNeuron, token: string): Promise<void> {
  for (let count = 1; ; count += 1) {
    const { headers } = await neuron.calls.nth(count);
    if (headers.get('authorization') === `Bearer ${token}`) return;
  }
}

const isWhole = (text: string): boolean =>
  text.endsWith('data: [DONE]\n\n') && !text.includes('error');

describe('a new node token', () => {
  test('loses no answer while streams run', async () => {
    let isFirst = true;
    const { neuron, gateway, token } = await start({
      answer: (exchange) => {
        exchange.stream().token('a').token('b');
        if (!isFirst) exchange.finish();
        isFirst = false;
      },
    });
    const long = readParts(await gateway.chat({ model: 'm', stream: true }));
    let longText = (await long.next()).value ?? '';
    const texts: string[] = [];
    let isOver = false;
    const work = async (): Promise<void> => {
      while (!isOver) {
        const answer = await gateway.chat({ model: 'm', stream: true });
        texts.push(answer.status === 200 ? await answer.text() : `status ${answer.status}`);
      }
    };
    /** Each worker has begun and ended a request since the call. */
    const turn = async (): Promise<void> => {
      const before = neuron.count('/v1/chat/completions');
      await neuron.call('/v1/chat/completions', before + 40);
    };

    const workers = [work(), work(), work(), work(), work(), work(), work(), work()];
    await turn();
    neuron.setTokens(['new', 'old']);
    writeFileSync(token, 'new\nold\n');
    gateway.running.reload();
    await turn();
    neuron.setTokens(['new']);
    writeFileSync(token, 'new\n');
    gateway.running.reload();
    await turn();
    isOver = true;
    await Promise.all(workers);
    (await neuron.exchange()).finish();
    for await (const part of long) longText += part;

    await gateway.record(texts.length + 1);
    expect(texts.filter((text) => !isWhole(text))).toEqual([]);
    expect(isWhole(longText)).toBe(true);
    expect(gateway.records.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(gateway.running.control.snapshot().nodes.get('beast')).toMatchObject({
      state: 'up',
      misses: 0,
    });
  });

  test('is sent without a signal once the nodes have had the time to take it', async () => {
    const clock = new FakeClock();
    const { neuron, token } = await start({ clock });
    neuron.setTokens(['new', 'old']);

    writeFileSync(token, 'new\nold\n');
    clock.advance(15_000);

    await whenCalledWith(neuron, 'new');
  });
});

test('a new admin key is valid at once on demand, and the old one no longer', async () => {
  const { gateway } = await start();
  const old = gateway.adminKey;
  const statusWith = async (key: string): Promise<number> =>
    (await gateway.get('/admin/v1/nodes', { headers: { authorization: `Bearer ${key}` } })).status;
  expect(await statusWith(old)).toBe(200);

  gateway.writeAdminKey('changed');
  gateway.running.reload();

  expect([await statusWith(old), await statusWith('changed')]).toEqual([401, 200]);
});

test('a new admin key is valid without a signal', async () => {
  const clock = new FakeClock();
  const { gateway } = await start({ clock });

  gateway.writeAdminKey('changed');
  clock.advance(5000);
  await gateway.logged('the admin key has changed');

  expect((await gateway.admin('/nodes')).status).toBe(200);
});
