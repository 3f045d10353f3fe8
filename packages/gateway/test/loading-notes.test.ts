/** `queue.loading_notes`: a chat that waits for a load says how far it is. */
import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { byPath, CLIENTS } from './client-dialects.ts';
import { GatewayUnderTest, readParts } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const NOTE = 'loading m on beast … 40 %';

async function setUp(toml: string) {
  const neuron = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({
    neurons: { beast: neuron },
    toml: `[control]\npoll_interval_s = 0.1\n${toml}`,
  });
  open.push(gateway);
  return { neuron, gateway };
}

/** The whole stream of a request that waits for a load, which is at 40 % until the first byte has come. */
async function streamOf(
  { neuron, gateway }: Awaited<ReturnType<typeof setUp>>,
  path: string,
  body: Readonly<Record<string, unknown>>,
): Promise<string> {
  const answer = gateway.post(path, body);
  const load = await neuron.load();
  load.progress = 0.4;
  const parts = readParts(await answer);
  let text = String((await parts.next()).value);
  load.succeed();
  (await neuron.exchange()).stream().token('hello').finish();
  for await (const part of parts) text += part;
  return text;
}

describe.each(byPath(CLIENTS))('a stream of %s that waits for a load', (path, dialect) => {
  test('says with loading_notes how far it is, as reasoning, before the answer', async () => {
    const under = await setUp('[queue]\nloading_notes = true\n');

    const text = await streamOf(under, path, dialect.ask('m', { stream: true }));

    expect(text.indexOf(NOTE)).toBeGreaterThan(-1);
    expect(text.indexOf(NOTE)).toBeLessThan(text.indexOf('hello'));
    const said = dialect.eventsOf(text).find((event) => JSON.stringify(event).includes(NOTE));
    expect(JSON.stringify(said)).toMatch(/reasoning|thinking/);
  });

  test('says nothing of it by default', async () => {
    const under = await setUp('');

    const text = await streamOf(under, path, dialect.ask('m', { stream: true }));

    expect(text).not.toContain('loading');
    expect(text).toContain('hello');
  });
});

test('a completion has no reasoning: loading_notes says nothing there', async () => {
  const under = await setUp('[queue]\nloading_notes = true\n');

  const text = await streamOf(under, '/v1/completions', { model: 'm', prompt: 'a', stream: true });

  expect(text).not.toContain('loading');
});
