/** The processes of the chart's pods: a machine of the cluster becomes a node, over TLS, with the token of the chart. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createSelfSigned } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';
import { z } from 'zod';

import { freePort } from '../e2e/free-port.ts';
import { eventually } from '../e2e/processes.ts';
import { CORTEX_BIN, NEURON_BIN, Program, Workspace } from '../e2e/start-up.ts';
import { isBuilt, type Manifest, podOf, Release, variablesOf } from './deploy-check.ts';

const Secret = z.looseObject({ data: z.record(z.string(), z.string()) });
const Health = z.object({ nodes: z.object({ healthy: z.int(), total: z.int() }) });
const Nodes = z.looseObject({
  nodes: z.array(z.looseObject({ name: z.string(), endpoint: z.string() })),
});

/** The files and folders of the pods, below a folder of this machine. */
class Cluster {
  readonly #folder: string;
  readonly release = new Release();

  constructor(folder: string) {
    this.#folder = folder;
    for (const secret of ['-neuron', '-admin']) {
      const { data } = Secret.parse(this.release.one('Secret', secret));
      // As the pods mount them.
      for (const mount of ['cortex-nodes', 'cortex-admin', 'neuron-auth'])
        for (const [name, value] of Object.entries(data))
          this.write(`etc/${mount}/${name}`, Buffer.from(value, 'base64'));
    }
    for (const state of ['cortex', 'neuron'])
      mkdirSync(join(folder, 'var/lib', state), { recursive: true });
  }

  write(path: string, content: string | Buffer): string {
    const file = join(this.#folder, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content, { mode: 0o600 });
    return file;
  }

  /** A path or address of a container as one of this machine. */
  here(text: string): string {
    return text.replace(/^(--\w[\w-]*=)?(\/(?:etc|var\/lib)\/.*)$/, `$1${this.#folder}$2`);
  }

  variables(manifest: Manifest, container: string): Record<string, string> {
    return Object.fromEntries(
      Object.entries(variablesOf(podOf(manifest), container)).map(([name, value]) => [
        name,
        this.here(value),
      ]),
    );
  }

  arguments(manifest: Manifest, container: string): string[] {
    const found = podOf(manifest).containers.find(({ name }) => name === container);
    return (found?.args ?? []).map((text) => this.here(text));
  }
}

/** An API server with one EndpointSlice of the nodes' service. */
function apiServer(endpoints: () => readonly object[], port: number) {
  const { cert, key } = createSelfSigned('localhost');
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    tls: { cert, key },
    fetch: () => Response.json({ items: [{ ports: [{ port }], endpoints: endpoints() }] }),
  });
  return { server, cert };
}

describe.skipIf(!isBuilt)(
  'pods of the chart (needs node tools/deploy-check.mjs, which needs Go)',
  () => {
    test('a machine becomes a node of the gateway by its name, and leaves the fleet when its pod has gone', async () => {
      using workspace = new Workspace();
      const cluster = new Cluster(workspace.path('root'));
      const [nodePort, apiPort] = [await freePort(), await freePort()];
      let endpoints: readonly object[] = [{ addresses: ['127.0.0.1'], nodeName: 'gpu-1.example' }];
      const { server, cert } = apiServer(() => endpoints, nodePort);
      const account = workspace.path('account');
      mkdirSync(account);
      for (const [name, text] of Object.entries({ token: 't', namespace: 'llm', 'ca.crt': cert }))
        writeFileSync(join(account, name), text);
      const gateway = cluster.release.one('Deployment');
      const node = cluster.release.one('DaemonSet');
      cluster.write('etc/cortex/cortex.toml', '[control]\npoll_interval_s = 1\n');
      cluster.write('etc/neuron/neuron.toml', '');
      const programs = [
        new Program([NEURON_BIN, ...cluster.arguments(node, 'neuron')], {
          env: {
            ...cluster.variables(node, 'neuron'),
            NEURON_LISTEN: `127.0.0.1:${nodePort}`,
            NEURON_STATE_DIR: cluster.here('/var/lib/neuron'),
            NEURON_MODELS_DIR: cluster.here('/var/lib/neuron'),
          },
        }),
        new Program([CORTEX_BIN, ...cluster.arguments(gateway, 'nodes'), `--account=${account}`], {
          env: {
            KUBERNETES_SERVICE_HOST: 'localhost',
            KUBERNETES_SERVICE_PORT: String(server.port),
          },
        }),
        new Program([CORTEX_BIN, ...cluster.arguments(gateway, 'gateway')], {
          env: {
            ...cluster.variables(gateway, 'gateway'),
            CORTEX_GATEWAY__LISTEN: `127.0.0.1:${apiPort}`,
            CORTEX_GATEWAY__METRICS_LISTEN: '127.0.0.1:0',
          },
        }),
      ];
      const url = `http://127.0.0.1:${apiPort}`;
      const health = async (): Promise<z.infer<typeof Health>['nodes'] | undefined> => {
        const answer = await fetch(`${url}/health`).catch(() => undefined);
        return answer && Health.parse(await answer.json()).nodes;
      };
      try {
        await eventually('a healthy node', async () => (await health())?.healthy === 1, 30_000);
        const key = Buffer.from(
          Secret.parse(cluster.release.one('Secret', '-admin')).data['admin-key'] ?? '',
          'base64',
        ).toString();
        const nodes = await fetch(`${url}/admin/v1/nodes`, {
          headers: { authorization: `Bearer ${key}` },
        });
        const [first] = Nodes.parse(await nodes.json()).nodes;
        expect(first).toMatchObject({
          name: 'gpu-1.example',
          endpoint: `https://127.0.0.1:${nodePort}`,
        });

        endpoints = [];

        await eventually('an empty fleet', async () => (await health())?.total === 0, 30_000);
      } finally {
        for (const { child } of programs) child.kill('SIGKILL');
        await server.stop(true);
      }
    }, 90_000);
  },
);
