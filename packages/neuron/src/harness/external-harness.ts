/** The harnesses of `[[harnesses]]`. */
import { readFileSync } from 'node:fs';

import { systemReason } from '@cortex/service';

import type { Harness } from './harness.ts';
import { checkExternalSettings } from './external/check-settings.ts';
import { CommandServer } from './external/command-server.ts';
import { fillCommand } from './external/command-template.ts';
import { EndpointServer } from './external/endpoint-server.ts';
import type { ExternalParts } from './external/external-parts.ts';
import { type HarnessConfig, HarnessProblem } from './external/harness-config.ts';
import { OfferedList } from './external/offered-list.ts';
import { createPerModelHarness } from './external/per-model-harness.ts';
import type { Server } from './external/server.ts';
import { KINDS } from './external/server-kinds.ts';
import { SharedHarness } from './external/shared-harness.ts';
import { ComfyHarness } from './comfyui/comfy-harness.ts';
import { systemdUnit } from './external/systemd-unit.ts';

/** @throws HarnessProblem for a key file that cannot be read */
function headersOf({ api_key_file: path }: HarnessConfig): Record<string, string> {
  if (path === undefined) return {};
  const secret = readKey(path);
  if (secret === '') throw new HarnessProblem('api_key_file', `is the empty file ${path}`);
  return { authorization: `Bearer ${secret}` };
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const why = `is ${path}, which cannot be read: ${systemReason(error)}`;
    throw new HarnessProblem('api_key_file', why, error);
  }
}

/** The port of an endpoint whose server neuron starts. */
const portOf = (endpoint: string | undefined): number | undefined => {
  if (endpoint === undefined) return undefined;
  const { port, protocol } = new URL(endpoint);
  return Number(port || (protocol === 'https:' ? 443 : 80));
};

/**
 * Whether this node offers what the server lists. The models of ComfyUI are the workflows of this node. Those of a
 * hosted API may cost money, so the operator names the ones that may be used.
 */
const isListed = ({ kind, endpoint }: HarnessConfig): boolean =>
  kind !== 'comfyui' && endpoint !== undefined && new URL(endpoint).protocol === 'http:';

function createServer(config: HarnessConfig, parts: ExternalParts): Server {
  const { name, kind, command, endpoint, env, systemd_unit: unit } = config;
  const { ready_path: readyPath = KINDS[kind].readyPath } = config;
  const headers = headersOf(config);
  if (!command) {
    const url = (endpoint ?? '').replace(/\/+$/, '').replace(/\/v1$/, '');
    const upstream = { harness: name, url, headers };
    return new EndpointServer({
      ...parts,
      upstream,
      readyPath,
      offered: isListed(config) ? new OfferedList(upstream, parts.log) : undefined,
      unit: unit === undefined ? undefined : systemdUnit(unit),
    });
  }
  return new CommandServer({
    ...parts,
    harness: name,
    name,
    command: (port) =>
      fillCommand(command, {
        port,
        file: undefined,
        context_total: undefined,
        slots: undefined,
        mmproj: undefined,
        gpu_layers: undefined,
        n_cpu_moe: undefined,
        spec_type: undefined,
      }),
    port: portOf(endpoint),
    env,
    readyPath,
    headers,
    onLog: (line) => parts.onLog(name, line),
  });
}

/** @throws HarnessProblem for a key file that cannot be read */
export function createExternalHarness(config: HarnessConfig, parts: ExternalParts): Harness {
  const { name, kind, mode, command, env } = config;
  const { tensor_parallel: tensorParallel, accept_args: acceptsArgs, workflows } = config;
  const isOwn = command !== undefined;
  if (kind === 'comfyui') {
    const server = createServer(config, parts);
    const { ownUrl } = parts;
    return new ComfyHarness({ name, server, isOwn, workflows: workflows ?? '', ownUrl });
  }
  if (mode === 'per_model') {
    return createPerModelHarness({
      ...parts,
      name,
      kind,
      command: command ?? [],
      env,
      readyPath: config.ready_path ?? KINDS[kind].readyPath,
      headers: headersOf(config),
      acceptsArgs,
      tensorParallel,
    });
  }
  return new SharedHarness({
    name,
    kind,
    server: createServer(config, parts),
    isOwn,
    hasOneModel: false,
    check: (settings) =>
      checkExternalSettings(settings, {
        harness: name,
        isShared: true,
        acceptsArgs: false,
        tensorParallel,
        placeholders: new Set(),
      }),
    pulses: parts.pulses,
    ownUrl: parts.ownUrl,
  });
}
