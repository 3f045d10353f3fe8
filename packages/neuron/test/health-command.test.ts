/** `neuron health`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createSelfSigned } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterEach, describe, expect, test } from 'bun:test';

import { runNeuron } from '../src/program.ts';
import { scriptedEngine, TestNeuron } from './test-neuron.ts';

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

async function health(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const code = await runNeuron(['health', ...args], { env, output: { print: say, warn: say } });
  return { code, said: said.join('\n') };
}

describe('neuron health', () => {
  test('succeeds while the daemon answers at its address, and fails once it has ended', async () => {
    const neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    const { url } = neuron;
    const env = { NEURON_LISTEN: new URL(url).host };

    const running = await health(env, '--json');
    await neuron[Symbol.asyncDispose]();
    const ended = await health(env);

    expect(running.code).toBe(0);
    expect(JSON.parse(running.said)).toEqual({ ok: true, url });
    expect(ended).toEqual({ code: 1, said: `neuron: no neuron answers at ${url}` });
  });

  test('finds a daemon with a certificate and a token, by the configuration of that daemon', async () => {
    const folder = temporaryFolder('neuron-health');
    const { cert, key } = createSelfSigned('localhost');
    for (const [name, text] of Object.entries({ cert, key, token: 'secret\n' }))
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine() },
      flags: {
        'security.tls_cert': join(folder, 'cert'),
        'security.tls_key': join(folder, 'key'),
        'security.node_token_file': join(folder, 'token'),
      },
    });
    const file = join(folder, 'neuron.toml');
    writeFileSync(
      file,
      `listen = "0.0.0.0:${new URL(neuron.url).port}"\n[security]\nnode_token_file = "token"\ntls_cert = "cert"\ntls_key = "key"\n`,
    );

    expect(await health({}, '--config', file)).toEqual({
      code: 0,
      said: `A neuron answers at ${neuron.url}.`,
    });
  });

  test('does not take another program at the address for a neuron', async () => {
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hi') });
    servers.push(other);

    expect((await health({ NEURON_LISTEN: `127.0.0.1:${other.port}` })).code).toBe(1);
  });
});
