/** `cortex up` whose daemons have certificates of their own. */
import { expect, test } from 'bun:test';

import { createSelfSigned } from '@cortex/testkit';

import { startUp, Workspace } from './start-up.ts';

test('cortex up reaches its neuron and its gateway when both speak https with certificates of their own', async () => {
  const workspace = new Workspace();
  const { cert, key } = createSelfSigned('localhost');
  workspace.write('tls.crt', cert);
  workspace.write('tls.key', key);
  const tls = 'tls_cert = "tls.crt"\ntls_key = "tls.key"\n';

  await using up = await startUp({
    workspace,
    neuronToml: `[security]\n${tls}`,
    cortexToml: `[gateway]\n${tls}`,
  });
  const answer = await fetch(`${up.api.replace('127.0.0.1', 'localhost')}/v1/chat/completions`, {
    method: 'POST',
    tls: { ca: cert, serverName: 'localhost' },
    body: JSON.stringify({
      model: 'cortex-tiny',
      max_tokens: 4,
      messages: [{ role: 'user', content: 'hi' }],
    }),
  });

  expect([up.api, up.node].map((url) => new URL(url).protocol)).toEqual(['https:', 'https:']);
  expect(up.program.output).toMatch(/model +cortex-tiny/);
  expect(answer.status).toBe(200);
}, 60_000);
