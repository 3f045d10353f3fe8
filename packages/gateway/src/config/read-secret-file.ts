import {
  type ConfiguredFile,
  type LoadedConfig,
  readSecretFile as readSecrets,
  readTlsIdentity,
  type SecretFile,
  type TlsIdentity,
} from '@cortex/service';

import { type GatewayConfig } from './gateway-config.ts';

type Loaded = LoadedConfig<GatewayConfig>;

/** The one line of a secret's file. @throws ConfigError naming its key when it cannot be read or is empty */
export const readSecretFile = (file: ConfiguredFile): string => readSecrets(file).secrets[0] ?? '';

/** The tokens that the gateway sends to nodes. */
export interface NodeTokens {
  /** For nodes without one of their own; undefined: none is configured. */
  readonly shared: string | undefined;
  /** By the name of the node. */
  readonly own: ReadonlyMap<string, string>;
}

/** While nodes change to a new token, the file has two lines: the new token and the old one. */
export const MAX_NODE_TOKENS = 2;

/** The file with the token of the nodes; undefined: none is configured. */
export function nodeTokenFile({ value, origins }: Loaded): ConfiguredFile | undefined {
  const file = value.auth.node_token_file;
  return file === undefined ? undefined : { file, key: 'auth.node_token_file', origins };
}

/**
 * The token that is sent to every node: the first line of its file; undefined: none is configured.
 *
 * @throws ConfigError like `readSecretFile`
 */
export const readNodeToken = (config: Loaded): string | undefined =>
  readNodeTokens(config)?.secrets[0];

/** The tokens of `neurons[].token_file`, by node, and the warnings about these files. */
export interface OwnTokens {
  readonly tokens: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/**
 * Reads the files that `neurons[].token_file` names.
 *
 * @throws ConfigError naming file, line and key when one cannot be used
 */
export function readOwnTokens({ value, origins }: Pick<Loaded, 'value' | 'origins'>): OwnTokens {
  const tokens = new Map<string, string>();
  const warnings: string[] = [];
  for (const [index, { name, token_file: file }] of value.neurons.entries()) {
    if (file === undefined) continue;
    const { secrets, warning } = readSecrets(
      { file, key: `neurons[${index}].token_file`, origins },
      { maxSecrets: MAX_NODE_TOKENS },
    );
    const [token] = secrets;
    if (token !== undefined) tokens.set(name, token);
    if (warning !== undefined) warnings.push(warning);
  }
  return { tokens, warnings };
}

function readNodeTokens(config: Loaded): SecretFile | undefined {
  const file = nodeTokenFile(config);
  return file && readSecrets(file, { maxSecrets: MAX_NODE_TOKENS });
}

/**
 * The certificate of the client API and its key; undefined without TLS.
 *
 * @param nowMs - Wall clock.
 * @throws ConfigError when a file cannot be used
 */
export function readOwnTls(
  { value, origins }: Pick<Loaded, 'value' | 'origins'>,
  nowMs: number,
): TlsIdentity | undefined {
  const { tls_cert: cert, tls_key: key } = value.gateway;
  if (cert === undefined || key === undefined) return undefined;
  return readTlsIdentity(
    {
      cert: { file: cert, key: 'gateway.tls_cert', origins },
      key: { file: key, key: 'gateway.tls_key', origins },
    },
    nowMs,
  );
}

/**
 * What an operator should know about the files with secrets: a mode that lets every user read one.
 *
 * @throws ConfigError when a file cannot be used
 */
export function secretWarnings(config: Loaded): readonly string[] {
  const { value, origins } = config;
  const adminFile = value.auth.admin_key_file;
  const files = [
    readNodeTokens(config),
    adminFile === undefined
      ? undefined
      : readSecrets({ file: adminFile, key: 'auth.admin_key_file', origins }),
  ];
  return files.flatMap((file) => file?.warning ?? []);
}
