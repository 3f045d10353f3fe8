import { afterEach, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { FakeNeuron } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { GatewayUnderTest, readParts, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const MIB = 1 << 20;

async function setUp(gatewayToml = '') {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, gatewayToml });
  open.push(gateway);
  return { neuron, gateway };
}

/** A body of exactly this size that contains an image. */
function bodyOf(bytes: number): string {
  const around =
    '{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:;base64,"}}]}]}';
  return around.replace(';base64,', `;base64,${'A'.repeat(bytes - around.length)}`);
}

/** Starts a program of this folder: its output lines, and a function that writes to it. */
function startProgram(name: string, ...args: string[]) {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/programs/${name}.ts`, ...args], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  open.push({
    async close() {
      child.kill('SIGKILL');
      await child.exited;
    },
  });
  const decoded = child.stdout.pipeThrough(new TextDecoderStream());
  const reader = decoded.getReader();
  return {
    line: async () => (await reader.read()).value?.trim() ?? '',
    async write(line: string) {
      await child.stdin.write(`${line}\n`);
      await child.stdin.flush();
    },
  };
}

test('a body of 64 MiB is forwarded unchanged and delays no other stream by more than 50 ms', async () => {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  open.push(neuron);
  const peer = startProgram('large-body-peer');
  const config = join(temporaryFolder('cortex-large'), 'cortex.toml');
  writeFileSync(
    config,
    `[gateway]\nlisten = "127.0.0.1:0"\nmetrics_listen = "127.0.0.1:0"
[[neurons]]\nname = "beast"\nendpoint = "${neuron.url}"
[[neurons]]\nname = "large"\nendpoint = "${await peer.line()}"\n`,
  );
  const gateway = startProgram('gateway', config);
  const url = await gateway.line();
  const streamed = fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    body: '{"model":"m","stream":true}',
  });
  const stream = await neuron.exchange(1);
  stream.stream().token('x');
  const parts = readParts(await streamed);
  await parts.next();

  const answered = { line: '' };
  await peer.write(url);
  const answer = (async () => {
    answered.line = await peer.line();
  })();
  let relayed = 0;
  while (answered.line === '') {
    stream.token('x');
    await parts.next();
    relayed += 1;
  }
  await answer;
  await gateway.write('longest turn');

  expect(answered.line).toBe(`200 {"bytes":${64 * MIB},"same":true}`);
  expect(relayed).toBeGreaterThan(20);
  expect(Number(await gateway.line())).toBeLessThan(50);
}, 30_000);

for (const how of ['with its length', 'in chunks', 'compressed'] as const) {
  test(`a body larger than max_body_mb is refused with 413 in the error envelope: ${how}`, async () => {
    const { neuron, gateway } = await setUp('max_body_mb = 1');
    const body = bodyOf(MIB + 1);
    const sent = {
      'with its length': () => gateway.chat(body),
      'in chunks': () =>
        fetch(`${gateway.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: new Blob([body]).stream(),
        }),
      compressed: () =>
        fetch(`${gateway.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
          body: Bun.gzipSync(body),
        }),
    };

    const response = await sent[how]();

    expect(response.status).toBe(413);
    expect(toObject(await response.json())['error']).toMatchObject({ code: 'request_too_large' });
    expect(await gateway.record()).toMatchObject({ status: 413, outcome: 'client_error' });
    expect(neuron.count('/v1/chat/completions')).toBe(0);
  });
}

test('a body that is not JSON is refused with 400 malformed_json', async () => {
  const { gateway } = await setUp();

  const broken = await gateway.chat('{"model": oops}');

  expect(broken.status).toBe(400);
  expect(toObject(await broken.json())['error']).toMatchObject({ code: 'malformed_json' });
  expect(broken.headers.get('x-should-retry')).toBe('false');
});
