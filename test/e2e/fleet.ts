/** A fleet of real neurons behind a real gateway, all on this machine. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { eventually } from './processes.ts';
import { CORTEX_BIN, Program, ROOT, Workspace } from './start-up.ts';

const NEURON_BIN = join(ROOT, 'packages/neuron/bin/neuron');
const NodeReady = z.object({ pid: z.int(), node: z.url() });
const GatewayReady = z.object({ pid: z.int(), api: z.url() });
const Estimate = z.object({ ram_mb: z.number() });

/** What every model of these fleets is loaded with. */
const SETTINGS = { context_length: 1024, slots: 2 } as const;

interface HostShape {
  readonly name: string;
  /** MiB of RAM for models. */
  readonly memoryMib: number;
}

interface FleetShape {
  readonly hosts: readonly HostShape[];
  /** Each a copy of the demonstration model, on every host. */
  readonly models: readonly string[];
  readonly cortexToml?: string;
  /** Additional keys of every `[[models]]`. */
  readonly modelToml?: string;
}

/** A host with its neuron, which can be killed and started again. */
class Host {
  readonly name: string;
  readonly #workspace = new Workspace();
  #program: Program | undefined;
  #listen = '127.0.0.1:0';
  url = '';
  pid = 0;

  constructor({ name, memoryMib }: HostShape, models: readonly string[]) {
    this.name = name;
    mkdirSync(this.#workspace.path('models'));
    const tiny = join(ROOT, 'models/cortex-tiny.gguf');
    for (const id of models) copyFileSync(tiny, this.#workspace.path(`models/${id}.gguf`));
    this.#workspace.write(
      'neuron.toml',
      `models_dir = "models"\nstate_dir = "state"\n[devices]\ncpu_memory_mb = ${memoryMib}\n[engine]\nthreads = 1\n`,
    );
  }

  async start(): Promise<void> {
    const readyFile = this.#workspace.path('ready.json');
    rmSync(readyFile, { force: true });
    const config = this.#workspace.path('neuron.toml');
    this.#program = new Program([NEURON_BIN, 'serve', '-c', config, '--ready-file', readyFile], {
      env: { NEURON_LISTEN: this.#listen },
    });
    await ready(this.#program, readyFile);
    const { pid, node } = NodeReady.parse(JSON.parse(readFileSync(readyFile, 'utf8')));
    this.url = node;
    this.pid = pid;
    // After a restart it is the same node at the same address.
    this.#listen = new URL(node).host;
  }

  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.#program?.ended;
  }

  async close(): Promise<void> {
    if (this.#program?.child.exitCode === null && this.#program.child.signalCode === null) {
      this.#program.child.kill('SIGTERM');
    }
    await this.#program?.ended;
    this.#workspace[Symbol.dispose]();
  }
}

async function ready(program: Program, readyFile: string): Promise<void> {
  const ended = program.ended.then((code) => {
    throw new Error(`the daemon ended with ${code}:\n${program.output}`);
  });
  ended.catch(() => undefined);
  await Promise.race([ended, eventually(readyFile, () => existsSync(readyFile), 20_000)]);
}

export interface Fleet extends AsyncDisposable {
  readonly api: string;
  readonly gateway: Program;
  /** Of the admin API. */
  readonly keyFile: string;
  readonly hosts: readonly Host[];
  /** A view of the admin API. */
  admin(path: string): Promise<unknown>;
  /** Writes models.toml and lets the gateway read it. */
  writeModels(toml: string): void;
}

export const modelsToml = (models: readonly string[], more = ''): string =>
  models
    .map(
      (id) =>
        `[[models]]\nid = "${id}"\ncontext_length = ${SETTINGS.context_length}\nslots = ${SETTINGS.slots}\n${more}\n`,
    )
    .join('\n');

export async function startFleet(shape: FleetShape): Promise<Fleet> {
  const hosts = shape.hosts.map((host) => new Host(host, shape.models));
  await Promise.all(hosts.map((host) => host.start()));
  const workspace = new Workspace();
  const neurons = hosts.map(
    ({ name, url }) => `[[neurons]]\nname = "${name}"\nendpoint = "${url}"\n`,
  );
  const config = workspace.write(
    'cortex.toml',
    `[gateway]\nlisten = "127.0.0.1:0"\nmetrics_listen = "127.0.0.1:0"\n${shape.cortexToml ?? ''}\n${neurons.join('\n')}`,
  );
  workspace.write('models.toml', modelsToml(shape.models, shape.modelToml));
  const readyFile = workspace.path('gateway.json');
  const gateway = new Program([CORTEX_BIN, 'serve', '-c', config, '--ready-file', readyFile], {
    env: { CORTEX_STATE_DIR: workspace.path('state') },
  });
  await ready(gateway, readyFile);
  const { api, pid } = GatewayReady.parse(JSON.parse(readFileSync(readyFile, 'utf8')));
  await eventually('all nodes', async () =>
    (await (await fetch(`${api}/health`)).text()).includes(`"healthy":${hosts.length}`),
  );
  const keyFile = workspace.path('state/admin.key');
  const key = readFileSync(keyFile, 'utf8').trim();
  return {
    api,
    gateway,
    keyFile,
    hosts,
    async admin(path) {
      const headers = { authorization: `Bearer ${key}` };
      return (await fetch(`${api}/admin/v1${path}`, { headers })).json();
    },
    writeModels(toml) {
      writeFileSync(workspace.path('models.toml'), toml);
      process.kill(pid, 'SIGHUP');
    },
    async [Symbol.asyncDispose]() {
      gateway.child.kill('SIGTERM');
      await gateway.ended;
      await Promise.all(hosts.map((host) => host.close()));
      workspace[Symbol.dispose]();
    },
  };
}

/** MiB of RAM that one of the models needs on this machine. */
export async function measureNeed(): Promise<number> {
  const host = new Host({ name: 'measured', memoryMib: 4096 }, ['tiny']);
  await host.start();
  const response = await fetch(`${host.url}/models/tiny/estimate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(SETTINGS),
  });
  const text = await response.text();
  await host.close();
  return Estimate.parse(JSON.parse(text)).ram_mb;
}
