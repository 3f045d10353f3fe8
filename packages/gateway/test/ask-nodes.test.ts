import { afterEach, expect, test } from 'bun:test';

import { createSelfSigned, FakeNeuron } from '@cortex/testkit';

import { GatewayConfig } from '../src/config/gateway-config.ts';
import { askNodes, type NodeReport } from '../src/config-check/ask-nodes.ts';

const TLS = createSelfSigned('beast');
const neurons: FakeNeuron[] = [];
afterEach(() => Promise.all(neurons.splice(0).map((neuron) => neuron.close())));

function serve(options: ConstructorParameters<typeof FakeNeuron>[0]): FakeNeuron {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }], ...options });
  neurons.push(neuron);
  return neuron;
}

async function ask(
  { url }: Pick<FakeNeuron, 'url'>,
  { token, pin }: { readonly token?: string; readonly pin?: string } = {},
): Promise<NodeReport | undefined> {
  const config = GatewayConfig.parse({
    neurons: [
      {
        name: 'beast',
        endpoint: url,
        ...(pin !== undefined && { tls_fingerprint: `sha256:${pin}` }),
      },
    ],
  });
  return (
    await askNodes(config, { tokens: { shared: token, own: new Map() }, timeoutMs: 5000 })
  )[0];
}

test('config check sends the node token, and reports a node that refuses or requires one', async () => {
  const neuron = serve({ token: 'sesame' });

  expect(await ask(neuron, { token: 'sesame' })).toMatchObject({
    kind: 'answered',
    models: [{ id: 'm' }],
  });
  expect(await ask(neuron, { token: 'wrong' })).toMatchObject({
    reason: expect.stringMatching(/^Node beast refused the node token .*auth\.node_token_file/),
  });
  expect(await ask(neuron)).toMatchObject({
    reason: expect.stringMatching(/^Node beast requires a node token, .*auth\.node_token_file/),
  });
});

test('config check accepts the pinned certificate of a node, and no other', async () => {
  const neuron = serve({ tls: TLS });

  expect(await ask(neuron, { pin: TLS.fingerprint })).toMatchObject({ kind: 'answered' });
  expect(await ask(neuron, { pin: '0'.repeat(64) })).toMatchObject({
    kind: 'failed',
    reason: 'Node beast could not be reached: its certificate does not match tls_fingerprint.',
  });
});
