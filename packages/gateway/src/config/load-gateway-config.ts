import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import {
  corsWarnings,
  loadConfig,
  type LoadedConfig,
  resolveConfigPath,
  stateDirectory,
} from '@cortex/service';

import { GatewayConfig } from './gateway-config.ts';
import { ModelsConfig } from './models-config.ts';

const MODELS_KEY = 'gateway.models_config';
const STATE_KEY = 'gateway.state_dir';
const STATE_VARIABLE = 'CORTEX_STATE_DIR';

/** Variables with the prefix of cortex that are not keys of cortex.toml. */
const OTHER_VARIABLES = [
  STATE_VARIABLE,
  'CORTEX_URL',
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
}

/** The catalogue to read: a configured one always, the default one only if it exists. */
function modelsFileOf(
  { file, modelsFile }: GatewayConfigInput,
  config: LoadedConfig<GatewayConfig>,
): string | undefined {
  if (modelsFile !== undefined) return modelsFile;
  const name = config.value.gateway.models_config;
  if (config.origins.get(MODELS_KEY) !== 'default')
    return resolveConfigPath(config, MODELS_KEY, name);
  const path = file === undefined ? undefined : resolve(dirname(file), name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/**
 * Reads cortex.toml, `nodes.d/*.toml` next to it, and models.toml.
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
    alsoMerge: { directory: 'nodes.d', arrays: ['neurons'] },
  });
  const models = loadConfig({
    schema: ModelsConfig,
    file: modelsFileOf(input, config),
    fileKey:
      input.modelsFile === undefined ? { origins: config.origins, key: MODELS_KEY } : undefined,
    env: {},
    prefix: 'CORTEX_',
  });
  const { auth, gateway } = config.value;
  const absolute = (key: string, path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolveConfigPath(config, key, path);
  const value: GatewayConfig = {
    ...config.value,
    gateway: {
      ...gateway,
      state_dir: absolute(STATE_KEY, gateway.state_dir) ?? resolve(stateDirectory(input.env)),
      tls_cert: absolute('gateway.tls_cert', gateway.tls_cert),
      tls_key: absolute('gateway.tls_key', gateway.tls_key),
    },
    auth: {
      node_token_file: absolute('auth.node_token_file', auth.node_token_file),
      admin_key_file: absolute('auth.admin_key_file', auth.admin_key_file),
    },
  };
  const origins = new Map(config.origins);
  if (gateway.state_dir === undefined)
    origins.set(STATE_KEY, input.env[STATE_VARIABLE] ? STATE_VARIABLE : 'default');
  const warnings = [
    ...config.warnings,
    ...corsWarnings(gateway.cors_origins, 'gateway.cors_origins'),
  ];
  return { config: { ...config, value, origins, warnings }, models };
}
