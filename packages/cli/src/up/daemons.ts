import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type GatewayConfig } from '@cortex/gateway';
import { type LoadedConfig, parseListen } from '@cortex/service';
import { z } from 'zod';

import { type DaemonLaunch } from './daemon.ts';
import { toInlineToml } from '../inline-toml.ts';
import { CORTEX_COMMAND, neuronProgram } from './programs.ts';

type Env = Readonly<Record<string, string | undefined>>;

export const NeuronReady = z.looseObject({
  pid: z.int(),
  node: z.url(),
  /** Absent without TLS. */
  tls_fingerprint: z.string().optional(),
});
export type NeuronReady = z.infer<typeof NeuronReady>;
export const GatewayReady = z.looseObject({ pid: z.int(), api: z.url(), metrics: z.url() });
export type GatewayReady = z.infer<typeof GatewayReady>;

/** The node name of this machine under `cortex up`. */
export const LOCAL_NODE = 'local';
/** Ctrl-C must end everything within 3 s, including running answers. */
const GRACE_S = '2';
/**
 * The demonstration model at start, with all of its context and four slots. Where that does not fit, it loads at its
 * first request, with what fits then: it must not take the last memory from the models of the user.
 */
const EMBEDDED_MODEL = { model_id: 'cortex-tiny', context_length: 4096, slots: 4 };

/** `http://127.0.0.1:31313` → `127.0.0.1:31313`. */
const addressOf = (url: string): string => new URL(url).host;

/** The top-level keys that the operator's file sets; none for an invalid file, which neuron itself reports. */
function keysOf(file: string | undefined): ReadonlySet<string> {
  if (file === undefined) return new Set();
  try {
    return new Set(Object.keys(Bun.TOML.parse(readFileSync(file, 'utf8'))));
  } catch {
    return new Set();
  }
}

/**
 * How to run the neuron of this machine: with its ordinary configuration, and by default with state below
 * `stateDir` and the demonstration model.
 */
export function neuronLaunch(options: {
  readonly env: Env;
  readonly configFile: string | undefined;
  readonly stateDir: string;
  readonly readyFile: string;
}): (last: NeuronReady | undefined) => DaemonLaunch {
  const { env, configFile, stateDir, readyFile } = options;
  const { command, modelsDir } = neuronProgram();
  const written = keysOf(configFile);
  const defaults: Record<string, string> = {
    models_dir: join(stateDir, 'models'),
    state_dir: join(stateDir, 'neuron'),
    models_dirs: toInlineToml([modelsDir]),
    default_models: toInlineToml([EMBEDDED_MODEL]),
    shutdown_grace_s: GRACE_S,
  };
  const filled: Record<string, string> = {};
  for (const [key, value] of Object.entries(defaults)) {
    if (!written.has(key)) filled[`NEURON_${key.toUpperCase()}`] = value;
  }
  const args = ['serve', '--ready-file', readyFile, ...(configFile ? ['-c', configFile] : [])];
  return (last) => ({
    command: [...command, ...args],
    env: { ...filled, ...env, ...(last && { NEURON_LISTEN: addressOf(last.node) }) },
  });
}

/** How to run the gateway: with its ordinary configuration, plus the neuron of this machine as a node. */
export function gatewayLaunch(options: {
  readonly env: Env;
  readonly config: LoadedConfig<GatewayConfig>;
  /** The names of the nodes that have joined, which the gateway reads itself. */
  readonly joined: ReadonlySet<string>;
  readonly configFile: string | undefined;
  readonly modelsFile: string | undefined;
  readonly readyFile: string;
  readonly isOnLan: boolean;
  /** What the running neuron reported. */
  readonly node: () => NeuronReady;
}): (last: GatewayReady | undefined) => DaemonLaunch {
  const { env, config, joined, configFile, modelsFile, readyFile, isOnLan, node } = options;
  const { gateway, neurons } = config.value;
  const args = ['serve', '--ready-file', readyFile];
  if (configFile !== undefined) args.push('-c', configFile);
  if (modelsFile !== undefined) args.push('--models', modelsFile);
  if (isOnLan) args.push('--local-admin');
  const hasOwnGrace = config.origins.get('gateway.shutdown_grace_s') !== 'default';
  const listenPort = parseListen(gateway.listen).port;

  return (last) => {
    const others = neurons.filter(({ name }) => name !== LOCAL_NODE && !joined.has(name));
    const { node: endpoint, tls_fingerprint: pin } = node();
    const local = {
      name: LOCAL_NODE,
      endpoint,
      ...(pin !== undefined && { tls_fingerprint: pin }),
    };
    const port = last === undefined ? listenPort : Number(new URL(last.api).port);
    const set = {
      CORTEX_NEURONS: toInlineToml([...others, local]),
      ...(!hasOwnGrace && { CORTEX_GATEWAY__SHUTDOWN_GRACE_S: GRACE_S }),
      ...(last && { CORTEX_GATEWAY__LISTEN: addressOf(last.api) }),
      ...(last && { CORTEX_GATEWAY__METRICS_LISTEN: addressOf(last.metrics) }),
      ...(isOnLan && { CORTEX_GATEWAY__LISTEN: `0.0.0.0:${port}` }),
    };
    return { command: [...CORTEX_COMMAND, ...args], env: { ...env, ...set } };
  };
}
