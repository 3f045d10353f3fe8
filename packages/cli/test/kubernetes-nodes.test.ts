/** `cortex kubernetes-nodes`, with an API server that speaks TLS as that of a cluster does. */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadGatewayConfig } from '@cortex/gateway';
import { createSelfSigned } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterEach, describe, expect, test } from 'bun:test';

import { createProgram } from '../src/program.ts';
import { runCli } from '../src/run-cli.ts';

const MAIN = join(import.meta.dir, '../src/main.ts');
const { cert, key } = createSelfSigned('localhost');
const fingerprint = new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();

const servers: Bun.Server<undefined>[] = [];
const children: Bun.Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const server of servers.splice(0)) await server.stop(true);
});

interface Cluster {
  readonly account: string;
  readonly out: string;
  readonly env: Record<string, string>;
  /** Targets of the requests, with their authorization. */
  readonly calls: readonly string[];
}

/** A cluster whose API server answers so, and a pod in it. */
function cluster(answer: (url: URL) => Response): Cluster {
  const folder = temporaryFolder('kubernetes-nodes');
  const calls: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    tls: { cert, key },
    fetch({ url, headers }) {
      const { pathname, search } = new URL(url);
      calls.push(`${headers.get('authorization')} ${pathname}${decodeURIComponent(search)}`);
      return answer(new URL(url));
    },
  });
  servers.push(server);
  writeFileSync(join(folder, 'token'), 'account-token\n');
  writeFileSync(join(folder, 'namespace'), 'llm');
  writeFileSync(join(folder, 'ca.crt'), cert);
  const env = {
    KUBERNETES_SERVICE_HOST: 'localhost',
    KUBERNETES_SERVICE_PORT: String(server.port),
    CORTEX_LOG: 'silent',
  };
  return { account: folder, out: join(folder, 'nodes.d', 'kubernetes.toml'), env, calls };
}

interface Endpoint {
  readonly node: string;
  readonly address: string;
  readonly ready?: boolean;
  readonly terminating?: boolean;
}

const slice = (...endpoints: readonly Endpoint[]) => ({
  ports: [{ name: 'api', port: 13131, protocol: 'TCP' }],
  endpoints: endpoints.map(({ node, address, ready = true, terminating = false }) => ({
    addresses: [address],
    nodeName: node,
    conditions: { ready, serving: ready, terminating },
  })),
});

async function run({ account, out, env }: Cluster, ...more: readonly string[]) {
  const said: string[] = [];
  const terminal = {
    isInteractive: false,
    print: (text: string) => void said.push(text),
    write: (text: string) => void said.push(text),
    warn: (text: string) => void said.push(text),
  };
  const program = createProgram({
    terminal,
    serviceTerminal: terminal,
    env,
  });
  const args = ['kubernetes-nodes', '--service', 'fleet-neuron', '--out', out];
  const code = await runCli(program, [...args, '--account', account, '--once', ...more], terminal);
  return { code, said: said.join('\n') };
}

/** What a gateway with this state folder reads. */
const nodesOf = ({ account }: Cluster) =>
  loadGatewayConfig({
    file: undefined,
    env: {},
    flags: { 'gateway.state_dir': account },
  }).config.value.neurons;

describe('cortex kubernetes-nodes', () => {
  test('writes each machine of the service as a node that the gateway reads, also one that is not ready', async () => {
    const pod = cluster(() =>
      Response.json({
        items: [
          slice(
            { node: 'gpu-2.internal', address: '10.0.2.9', ready: false },
            { node: 'gpu-1', address: '10.0.1.7' },
          ),
          slice({ node: 'gpu-3', address: 'fd00::3' }),
        ],
      }),
    );

    const { code } = await run(pod, '--tls-cert', join(pod.account, 'ca.crt'));

    expect(code).toBe(0);
    expect(pod.calls).toEqual([
      'Bearer account-token /apis/discovery.k8s.io/v1/namespaces/llm/endpointslices?labelSelector=kubernetes.io/service-name=fleet-neuron&limit=500',
    ]);
    expect(nodesOf(pod)).toMatchObject([
      {
        name: 'gpu-1',
        endpoint: 'https://10.0.1.7:13131',
        tls_fingerprint: `sha256:${fingerprint}`,
      },
      { name: 'gpu-2.internal', endpoint: 'https://10.0.2.9:13131' },
      { name: 'gpu-3', endpoint: 'https://[fd00::3]:13131' },
    ]);
    expect(statSync(pod.out).mode & 0o777).toBe(0o600);
  });

  test('leaves out terminating pods, and names a machine once while its pod is replaced', async () => {
    const pod = cluster(() =>
      Response.json({
        items: [
          slice(
            { node: 'gpu-1', address: '10.0.1.8' },
            { node: 'gpu-1', address: '10.0.1.7', ready: false },
            { node: 'gpu-2', address: '10.0.2.7', terminating: true },
          ),
        ],
      }),
    );

    await run(pod);

    expect(nodesOf(pod)).toMatchObject([{ name: 'gpu-1', endpoint: 'http://10.0.1.8:13131' }]);
    expect(nodesOf(pod)).toHaveLength(1);
  });

  test('gives machines with long names that begin alike names of their own', async () => {
    const machine = `ip-10-0-0-1.${'a'.repeat(60)}`;
    const pod = cluster(() =>
      Response.json({
        items: [
          slice(
            { node: `${machine}.east`, address: '10.0.1.7' },
            { node: `${machine}.west`, address: '10.0.1.8' },
          ),
        ],
      }),
    );

    await run(pod);

    expect(nodesOf(pod).map(({ endpoint }) => endpoint)).toEqual([
      'http://10.0.1.7:13131',
      'http://10.0.1.8:13131',
    ]);
  });

  test('reads all pages of the list', async () => {
    const pod = cluster(({ searchParams }) =>
      Response.json(
        searchParams.get('continue') === 'more'
          ? { metadata: {}, items: [slice({ node: 'gpu-2', address: '10.0.2.7' })] }
          : {
              metadata: { continue: 'more' },
              items: [slice({ node: 'gpu-1', address: '10.0.1.7' })],
            },
      ),
    );

    await run(pod);

    expect(nodesOf(pod).map(({ name }) => name)).toEqual(['gpu-1', 'gpu-2']);
  });

  test('keeps the file when the API refuses, and says which permission is missing', async () => {
    let mayList = true;
    const pod = cluster(() =>
      mayList
        ? Response.json({ items: [slice({ node: 'gpu-1', address: '10.0.1.7' })] })
        : Response.json({ kind: 'Status' }, { status: 403 }),
    );
    await run(pod);
    const before = readFileSync(pod.out, 'utf8');
    mayList = false;

    const { code, said } = await run(pod);

    expect(code).toBe(1);
    expect(said).toContain('status 403; its Role must allow it to list endpointslices');
    expect(readFileSync(pod.out, 'utf8')).toBe(before);
  });

  test('refuses an API server that its account does not trust, and to run outside a cluster', async () => {
    const pod = cluster(() => Response.json({ items: [] }));
    writeFileSync(join(pod.account, 'ca.crt'), createSelfSigned('localhost').cert);

    const stranger = await run(pod);
    const outside = await run({ ...pod, env: {} });

    expect([stranger.code, outside.code]).toEqual([1, 1]);
    expect(stranger.said).toContain('the nodes of the cluster are unknown');
    expect(pod.calls).toEqual([]);
    expect(outside.said).toContain('KUBERNETES_SERVICE_HOST is not set');
    expect(existsSync(pod.out)).toBe(false);
  });

  test('writes the file again when the cluster changes, until a signal ends it', async () => {
    const address = { now: '10.0.1.7' };
    const pod = cluster(() =>
      Response.json({ items: [slice({ node: 'gpu-1', address: address.now })] }),
    );
    const args = ['--service', 'fleet-neuron', '--out', pod.out, '--account', pod.account];
    const child = Bun.spawn([process.execPath, MAIN, 'kubernetes-nodes', ...args], {
      stdio: ['ignore', 'ignore', 'ignore'],
      env: { ...process.env, ...pod.env },
    });
    children.push(child);
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await Bun.sleep(20);
    };
    const shows = (text: string) => () =>
      existsSync(pod.out) && readFileSync(pod.out, 'utf8').includes(text);
    await until(shows('10.0.1.7'));

    address.now = '10.0.1.8';

    await until(shows('10.0.1.8'));
    child.kill('SIGTERM');
    expect(await child.exited).not.toBe(0);
    expect(child.signalCode).toBe('SIGTERM');
  }, 30_000);
});
