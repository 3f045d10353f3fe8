/** A fleet of real neurons behind a real gateway, all on this machine. */
import { readFileSync, writeFileSync } from 'node:fs';

import { z } from 'zod';

import { Gateway, Host } from './fleet-processes.ts';
import { eventually } from './processes.ts';

const Estimate = z.object({ ram_mb: z.number() });

/** What every model of these fleets is loaded with. */
const SETTINGS = { context_length: 1024, slots: 2 } as const;

interface FleetShape {
  readonly hosts: readonly { readonly name: string; readonly memoryMib: number }[];
  /** Each a copy of the demonstration model, on every host. */
  readonly models: readonly string[];
  /** Begins with keys of `[gateway]`. */
  readonly cortexToml?: string;
  /** Additional keys of every `[[models]]`. */
  readonly modelToml?: string;
  /** Where the gateway reaches a host; absent: at its own address. */
  readonly endpointOf?: (host: Host) => Promise<string>;
}

export interface Fleet extends AsyncDisposable {
  readonly api: string;
  readonly gateway: Gateway;
  /** Of the admin API. */
  readonly keyFile: string;
  readonly hosts: readonly Host[];
  /** A view of the admin API. */
  admin(path: string): Promise<unknown>;
  /** Writes models.toml and lets the gateway read it. */
  writeModels(toml: string): void;
  /** Resolves when the gateway reaches all hosts. */
  allUp(): Promise<void>;
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
  const { endpointOf = async ({ url }: Host) => url } = shape;
  const neurons = await Promise.all(
    hosts.map(
      async (host) =>
        `[[neurons]]\nname = "${host.name}"\nendpoint = "${await endpointOf(host)}"\n`,
    ),
  );
  const gateway = new Gateway(
    `${shape.cortexToml ?? ''}\n${neurons.join('\n')}`,
    modelsToml(shape.models, shape.modelToml),
  );
  await gateway.start();
  const allUp = async (): Promise<void> => {
    const areHealthy = async (): Promise<boolean> =>
      (await (await fetch(`${gateway.api}/health`)).text()).includes(`"healthy":${hosts.length}`);
    await eventually('all nodes', areHealthy, 60_000);
  };
  await allUp();
  const key = readFileSync(gateway.keyFile, 'utf8').trim();
  return {
    api: gateway.api,
    gateway,
    keyFile: gateway.keyFile,
    hosts,
    allUp,
    async admin(path) {
      const headers = { authorization: `Bearer ${key}` };
      return (await fetch(`${gateway.api}/admin/v1${path}`, { headers })).json();
    },
    writeModels(toml) {
      writeFileSync(gateway.workspace.path('models.toml'), toml);
      gateway.signal('SIGHUP');
    },
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await Promise.all(hosts.map((host) => host.close()));
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
