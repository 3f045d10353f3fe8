import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import {
  corsWarnings,
  loadConfig,
  type LoadedConfig,
  resolveConfigPath,
  stateDirectory,
  type TlsIdentity,
} from '@cortex/service';

import { GatewayConfig } from './gateway-config.ts';
import { ModelsConfig } from './models-config.ts';
import { readOwnTls, readOwnTokens } from './read-secret-file.ts';

const MODELS_KEY = 'gateway.models_config';
const STATE_KEY = 'gateway.state_dir';
const STATE_VARIABLE = 'CORTEX_STATE_DIR';
/** Files with more `[[neurons]]`, beside cortex.toml and in the state folder. */
export const NODES_FOLDER = 'nodes.d';

/** Variables with the prefix of cortex that are not keys of cortex.toml. */
const OTHER_VARIABLES = [
  STATE_VARIABLE,
  'CORTEX_URL',
  'CORTEX_API_KEY',
  'CORTEX_ADMIN_KEY',
  'CORTEX_ADMIN_KEY_FILE',
  'CORTEX_LOG',
  'CORTEX_PARENT_FD',
];

export interface GatewayConfigInput {
  /** `cortex.toml`; undefined: only defaults, environment and flags apply. */
  readonly file: string | undefined;
  /** Path of `models.toml` from a flag; undefined: `gateway.models_config` applies. */
  readonly modelsFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Dotted key → value. */
  readonly flags?: Readonly<Record<string, unknown>> | undefined;
}

export interface LoadedGatewayConfig {
  readonly config: LoadedConfig<GatewayConfig>;
  readonly models: LoadedConfig<ModelsConfig>;
  /** The models.toml that was read; undefined: none. */
  readonly modelsPath?: string | undefined;
  /** The tokens of `neurons[].token_file`, by node. */
  readonly ownTokens: ReadonlyMap<string, string>;
  /** The certificate of the client API and its key; undefined: plain HTTP. */
  readonly tls: TlsIdentity | undefined;
  /** The names of the nodes of `joinedFolder`. */
  readonly joined: ReadonlySet<string>;
}

/** Where nodes that join are written. */
export const joinedFolder = ({ gateway }: GatewayConfig): string =>
  join(gateway.state_dir ?? '.', NODES_FOLDER);

/** The nodes that a file of `folder` lists. */
const nodesFrom = (folder: string, { value, origins }: LoadedConfig<GatewayConfig>): Set<string> =>
  new Set(
    value.neurons
      .filter((_, index) => origins.get(`neurons[${index}].name`)?.startsWith(`${folder}/`))
      .map(({ name }) => name),
  );

/** The catalogue that `cortex add` begins where no file is named. */
const OWN_MODELS = 'models.toml';

/** The catalogue to read: a configured one always, the default ones only if they exist. */
function modelsFileOf(
  { file, modelsFile }: GatewayConfigInput,
  config: LoadedConfig<GatewayConfig>,
  stateDir: string,
): string | undefined {
  if (modelsFile !== undefined) return modelsFile;
  const name = config.value.gateway.models_config;
  if (config.origins.get(MODELS_KEY) !== 'default')
    return resolveConfigPath(config, MODELS_KEY, name);
  const beside = file === undefined ? [] : [resolve(dirname(file), name)];
  return [...beside, join(stateDir, OWN_MODELS)].find((path) => existsSync(path));
}

/**
 * Reads cortex.toml, `nodes.d/*.toml` next to it and in the state folder, the tokens of the nodes, the certificate, and
 * models.toml.
 *
 * Paths in the result are absolute: those of a file are relative to it.
 *
 * @throws ConfigError naming file, line and key.
 */
export function loadGatewayConfig(input: GatewayConfigInput): LoadedGatewayConfig {
  const config = loadConfig({
    schema: GatewayConfig,
    file: input.file,
    env: input.env,
    prefix: 'CORTEX_',
    ignoreEnv: OTHER_VARIABLES,
    flags: input.flags,
    credentials: { 'auth.node_token_file': 'cortex.node-token' },
    alsoMerge: { directory: NODES_FOLDER, arrays: ['neurons'] },
    alsoAdd: {
      folder: (pathOf) =>
        join(pathOf(STATE_KEY) ?? resolve(stateDirectory(input.env)), NODES_FOLDER),
      arrays: ['neurons'],
    },
  });
  const absolute = (key: string, path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolveConfigPath(config, key, path);
  const { auth, gateway } = config.value;
  const stateDir = absolute(STATE_KEY, gateway.state_dir) ?? resolve(stateDirectory(input.env));
  const modelsPath = modelsFileOf(input, config, stateDir);
  const models = loadConfig({
    schema: ModelsConfig,
    file: modelsPath,
    fileKey:
      input.modelsFile === undefined ? { origins: config.origins, key: MODELS_KEY } : undefined,
    env: {},
    prefix: 'CORTEX_',
  });
  const value: GatewayConfig = {
    ...config.value,
    gateway: {
      ...gateway,
      state_dir: stateDir,
      tls_cert: absolute('gateway.tls_cert', gateway.tls_cert),
      tls_key: absolute('gateway.tls_key', gateway.tls_key),
    },
    auth: {
      node_token_file: absolute('auth.node_token_file', auth.node_token_file),
      admin_key_file: absolute('auth.admin_key_file', auth.admin_key_file),
    },
    neurons: config.value.neurons.map((neuron, index) => ({
      ...neuron,
      token_file: absolute(`neurons[${index}].token_file`, neuron.token_file),
    })),
  };
  const origins = new Map(config.origins);
  if (gateway.state_dir === undefined)
    origins.set(STATE_KEY, input.env[STATE_VARIABLE] ? STATE_VARIABLE : 'default');
  const own = readOwnTokens({ value, origins });
  const tls = readOwnTls({ value, origins }, Date.now());
  const warnings = [
    ...config.warnings,
    ...corsWarnings(gateway.cors_origins, 'gateway.cors_origins'),
    ...own.warnings,
    ...(tls?.warnings ?? []),
  ];
  const loaded = { ...config, value, origins, warnings };
  const joined = nodesFrom(joinedFolder(value), loaded);
  return { config: loaded, models, modelsPath, ownTokens: own.tokens, tls, joined };
}

/** The models.toml that commands change. */
export interface ModelsFile {
  readonly path: string;
  /** Empty if it does not exist yet. */
  readonly text: string;
  /** @throws ConfigError if a file is no valid models.toml */
  readonly check: (file: string) => void;
}

/** The models.toml in use, or the one in the state folder that the first added model creates. */
export function modelsFileFor({ config, modelsPath }: LoadedGatewayConfig): ModelsFile {
  const path = modelsPath ?? join(config.value.gateway.state_dir ?? '.', OWN_MODELS);
  return {
    path,
    text: existsSync(path) ? readFileSync(path, 'utf8') : '',
    check: (file) => void loadConfig({ schema: ModelsConfig, file, env: {}, prefix: 'CORTEX_' }),
  };
}
