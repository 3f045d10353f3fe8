import { LoadModelRequest } from '@cortex/protocol';
import {
  allowedHosts,
  checkTlsPair,
  type ConfigOrigins,
  corsOrigins,
  corsWarnings,
  keyError,
  listenAddress,
  type LoadedConfig,
  loadConfig,
  parseListen,
  positiveSeconds,
  readTlsIdentity,
  resolveConfigPath,
  seconds,
  type TlsIdentity,
} from '@cortex/service';
import { z } from 'zod';

import { checkHarnesses, HarnessConfig } from './harness/external/harness-config.ts';
import { joinedFile } from './join/joined-file.ts';

const DEFAULT_STATE_DIR = '/var/lib/neuron';

/** `neuron.toml`. Unknown keys are refused: a misspelt setting must not be silently ignored. */
export const NeuronConfig = z.strictObject({
  listen: listenAddress()
    .default('127.0.0.1:13131')
    .describe(
      'Address of the API, host:port. An address beyond loopback needs security.node_token_file.',
    ),
  models_dir: z
    .string()
    .default('/var/lib/neuron/models')
    .describe(
      'Folder with the GGUF files of this node, to which downloads are written. The id of a model is its path below this folder without .gguf.',
    ),
  models_dirs: z
    .array(z.string())
    .default([])
    .describe(
      'More folders with GGUF files: a Hugging Face cache, the models of LM Studio or Ollama ("/home/me/.ollama/models"), plain folders. neuron does not write to them.',
    ),
  state_dir: z
    .string()
    .default(DEFAULT_STATE_DIR)
    .describe(
      'Folder for the state of the daemon: facts about model files, engine records, saved slots, pins, TTLs and the drain.',
    ),
  min_free_disk_mb: z
    .number()
    .min(0)
    .default(2048)
    .describe(
      'MiB to keep free on the disk of models_dir. A download that would leave less does not start.',
    ),
  shutdown_grace_s: seconds()
    .default(30)
    .describe('Time that requests in flight have to finish when the daemon shuts down.'),
  default_models: z
    .array(LoadModelRequest)
    .default([])
    .describe(
      'Models to load at start, once the port is open. Each entry takes the fields of a load call.',
    ),
  devices: z
    .strictObject({
      reserve_mb: z.number().min(0).default(512).describe('MiB to keep free on each GPU.'),
      exclude: z
        .array(z.union([z.int().min(0), z.string()]))
        .default([])
        .describe('GPUs that neuron does not use, by index or UUID.'),
      cpu_memory_mb: z
        .number()
        .positive()
        .optional()
        .describe(
          'MiB of RAM that all models together may use. Every engine process takes another 150 MiB. Default: half of the RAM.',
        ),
      yield_at: z
        .number()
        .min(0)
        .max(1)
        .default(0)
        .describe(
          'Part of a GPU, such as 0.9. When other programs fill it beyond that, idle models leave it, and models are placed only up to it. 0: never.',
        ),
    })
    .prefault({}),
  admission: z
    .strictObject({
      max_queue_depth: z
        .int()
        .min(0)
        .default(32)
        .describe(
          'Requests per model that may wait for a slot. Further requests get 503 queue_full.',
        ),
      max_wait_secs: positiveSeconds()
        .default(60)
        .describe('Longest wait for a slot of a request that is not streamed.'),
      max_per_principal: z
        .int()
        .min(0)
        .default(0)
        .describe(
          'Requests per caller and model, in slots and in the queue together. Further requests get 429. 0: no limit.',
        ),
    })
    .prefault({}),
  engine: z
    .strictObject({
      isolation: z
        .enum(['process', 'none'])
        .default('process')
        .describe('process: one engine process per model. none: engines run inside the daemon.'),
      runtime: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Program that runs engine processes, Bun or Node. Default: the one that runs neuron.',
        ),
      llama_server: z
        .string()
        .optional()
        .describe(
          'Path of a llama-server, used for what the engine of neuron cannot do (images, experts in RAM, drafting with prediction layers). Default: the one in state_dir/bin, else the one on the PATH. "": none.',
        ),
      threads: z
        .int()
        .min(1)
        .optional()
        .describe('CPU threads per model. Default: half of the logical cores, at least one.'),
      prefill_chunk_tokens: z
        .int()
        .min(1)
        .default(512)
        .describe(
          'Maximum of prompt tokens per step. Smaller values slow running streams less while a prompt is read.',
        ),
      batch_invariant: z
        .boolean()
        .default(false)
        .describe(
          'true: at temperature 0 the text does not depend on other requests in the batch; slower. false: the fastest kernels.',
        ),
      load_mode: z
        .enum(['auto', 'mmap', 'read', 'direct'])
        .default('auto')
        .describe(
          'How weights are read. mmap: the file is mapped. read: copied. direct: copied past the page cache of the system. auto: the first load of a large file on this machine measures which is quickest; a file that is larger than the RAM, or that runs on the CPU, is not mapped.',
        ),
      prompt_cache_mb: z
        .number()
        .min(0)
        .default(4096)
        .describe(
          'MiB of RAM per model for the cells of conversations that lost their slot; at most a quarter of the RAM that is free at the load, and at most what /dev/shm has free. 0: none.',
        ),
      state_disk_mb: z
        .number()
        .min(0)
        .default(2048)
        .describe(
          'MiB in state_dir, for all models together, for the slots of unloaded models. The next load of a model restores them. They hold what was said, and are deleted with the file of the model and after a week. 0: none.',
        ),
      startup_timeout_s: positiveSeconds()
        .default(1800)
        .describe(
          'Longest duration of a load, in addition to the time to read its file at 10 MB/s. A load that takes longer fails.',
        ),
      wedge_s: positiveSeconds()
        .default(60)
        .describe(
          'An engine that has work and completes no step for this time is killed and restarted.',
        ),
    })
    .prefault({}),
  harnesses: z
    .array(HarnessConfig)
    .default([])
    .describe('External engines. "llama", neuron\'s own, is always there.'),
  security: z
    .strictObject({
      node_token_file: z
        .string()
        .optional()
        .describe(
          'File with the token that every request must send as Authorization: Bearer. Default: the credential neuron.node-token, if systemd has it. While callers change to a new token it has two lines, and both are valid. The file is read again on SIGHUP and when it changes.',
        ),
      tls_cert: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Certificate of the API in PEM form, with its chain; needs tls_key. The API then speaks https only. "neuron cert" creates one.',
        ),
      tls_key: z
        .string()
        .min(1)
        .optional()
        .describe('Private key of tls_cert in PEM form, without a passphrase.'),
      insecure: z
        .boolean()
        .default(false)
        .describe('Allow an address beyond loopback without a token.'),
      file_roots: z
        .array(z.string())
        .default([])
        .describe('Folders that file: sources may name, besides models_dir and models_dirs.'),
      https_hosts: z
        .array(z.string().min(1))
        .default([])
        .describe(
          'The only hosts that https: sources and their redirects may name, such as "files.example" or "files.example:8443". Empty: every host with a public address.',
        ),
      cors_origins: corsOrigins().describe(
        'Origins of web pages that may list and use models, but change nothing: "https://chat.example", "chrome-extension://*" for every origin of a scheme, or "*" for all.',
      ),
      allowed_hosts: allowedHosts().describe(
        'Host names by which browsers may reach this node. Always allowed: IP addresses, names without a dot, and names below .local, .lan, .internal, .home.arpa and .localhost.',
      ),
    })
    .superRefine(checkTlsPair)
    .prefault({}),
});
export type NeuronConfig = z.infer<typeof NeuronConfig>;

/** RAM that all models together may use, MiB. */
export const cpuMemoryMib = ({ devices }: NeuronConfig, ramTotalMib: number): number =>
  devices.cpu_memory_mb ?? Math.floor(ramTotalMib / 2);

/**
 * The certificate of the API and its key; undefined without TLS.
 *
 * @param nowMs - Wall clock.
 * @throws ConfigError as `readTlsIdentity`
 */
export function readOwnTls(
  { value, origins }: Pick<LoadedConfig<NeuronConfig>, 'value' | 'origins'>,
  nowMs: number,
): TlsIdentity | undefined {
  const { tls_cert: cert, tls_key: key } = value.security;
  if (cert === undefined || key === undefined) return undefined;
  return readTlsFiles({ cert, key, origins }, nowMs);
}

/** Reads a certificate and its key; errors name the keys of neuron.toml. @throws ConfigError as `readTlsIdentity` */
export const readTlsFiles = (
  { cert, key, origins }: { readonly cert: string; readonly key: string; origins: ConfigOrigins },
  nowMs: number,
): TlsIdentity =>
  readTlsIdentity(
    {
      cert: { file: cert, key: 'security.tls_cert', origins },
      key: { file: key, key: 'security.tls_key', origins },
    },
    nowMs,
  );

/** Whether a host name of a `listen` is reachable from this machine only. */
export const isLoopback = (hostname: string): boolean =>
  /^(localhost|::1|127(\.\d{1,3}){3})$/.test(hostname);

/** Refuses a port that is open to other machines without a token, unless the operator allows it. */
function checkExposure({ value, origins }: LoadedConfig<NeuronConfig>): void {
  const { hostname } = parseListen(value.listen);
  const { node_token_file: tokenFile, insecure } = value.security;
  if (isLoopback(hostname) || tokenFile !== undefined || insecure) return;
  throw keyError(origins, 'listen', {
    message: `"${value.listen}" is reachable from other machines: set security.node_token_file, or security.insecure = true`,
  });
}

/** The configuration with absolute paths: those of the file are relative to it. */
function withAbsolutePaths(loaded: LoadedConfig<NeuronConfig>): NeuronConfig {
  const { value } = loaded;
  const absolute = (key: string, path: string): string => resolveConfigPath(loaded, key, path);
  const ifSet = (name: string, path: string | undefined): string | undefined =>
    path === undefined ? undefined : absolute(name, path);
  const {
    node_token_file: tokenFile,
    tls_cert: cert,
    tls_key: key,
    file_roots: roots,
  } = value.security;
  const { runtime, llama_server: llamaServer } = value.engine;
  return {
    ...value,
    models_dir: absolute('models_dir', value.models_dir),
    models_dirs: value.models_dirs.map((path) => absolute('models_dirs', path)),
    state_dir: absolute('state_dir', value.state_dir),
    engine: {
      ...value.engine,
      // A name without a slash is looked up on the PATH.
      runtime: runtime?.includes('/') ? absolute('engine.runtime', runtime) : runtime,
      llama_server: llamaServer ? absolute('engine.llama_server', llamaServer) : llamaServer,
    },
    harnesses: value.harnesses.map((harness, index) => ({
      ...harness,
      api_key_file: ifSet(`harnesses[${index}].api_key_file`, harness.api_key_file),
      workflows: ifSet(`harnesses[${index}].workflows`, harness.workflows),
      // A name without a slash is looked up on the PATH.
      command: harness.command?.map((element, at) =>
        at === 0 && element.includes('/')
          ? absolute(`harnesses[${index}].command`, element)
          : element,
      ),
    })),
    security: {
      ...value.security,
      node_token_file: ifSet('security.node_token_file', tokenFile),
      tls_cert: ifSet('security.tls_cert', cert),
      tls_key: ifSet('security.tls_key', key),
      file_roots: roots.map((path) => absolute('security.file_roots', path)),
    },
  };
}

/** Variables with our prefix that are not settings. */
const RESERVED_ENV = ['NEURON_LOG'];

interface NeuronConfigInput {
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Dotted key → value. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/**
 * Loads `joined.toml` of the state folder, `neuron.toml` over it, and environment and flags over both. Paths in the
 * result are absolute.
 *
 * @throws ConfigError naming file, line and key; also for a listener beyond loopback without a token.
 */
export function loadNeuronConfig(input: NeuronConfigInput): LoadedConfig<NeuronConfig> {
  const loaded = readNeuronConfig(input);
  checkExposure(loaded);
  return loaded;
}

/** Like `loadNeuronConfig`, for a command that makes the token that a listener beyond loopback needs. */
export function readNeuronConfig(input: NeuronConfigInput): LoadedConfig<NeuronConfig> {
  const loaded = loadConfig({
    schema: NeuronConfig,
    prefix: 'NEURON_',
    ignoreEnv: RESERVED_ENV,
    fileBelow: (pathOf) => joinedFile(pathOf('state_dir') ?? DEFAULT_STATE_DIR),
    credentials: { 'security.node_token_file': 'neuron.node-token' },
    ...input,
  });
  checkHarnesses(loaded.value.harnesses, loaded.origins);
  const warnings = corsWarnings(loaded.value.security.cors_origins, 'security.cors_origins');
  return {
    ...loaded,
    value: withAbsolutePaths(loaded),
    warnings: [...loaded.warnings, ...warnings],
  };
}
