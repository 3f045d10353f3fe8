import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { ConfigError, type Logger, systemReason } from '@cortex/service';

import { type GatewayConfig } from './config/gateway-config.ts';
import {
  type GatewayConfigInput,
  joinedFolder,
  loadGatewayConfig,
  modelsFileFor,
  type LoadedGatewayConfig,
  NODES_FOLDER,
} from './config/load-gateway-config.ts';

/** The interval at which changed files are looked for. */
export const CONFIG_LOOK_MS = 5000;

export interface WatchedConfigOptions {
  /** What was read at the start. */
  readonly loaded: LoadedGatewayConfig;
  /** Where it was read from; undefined: it never changes. */
  readonly input: GatewayConfigInput | undefined;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /**
   * Checks what the new files name, and returns what puts them in use. @throws ConfigError: the earlier configuration
   * stays
   */
  readonly prepare: (next: LoadedGatewayConfig) => () => void;
}

/** Differs between two versions of a file, and when it appears or goes. */
function versionOf(path: string): string {
  try {
    const { mtimeMs, ctimeMs, ino, size } = statSync(path);
    return `${path} ${mtimeMs} ${ctimeMs} ${ino} ${size}`;
  } catch {
    // It is not there, or its folder cannot be searched.
    return path;
  }
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    // There is none.
    return [];
  }
}

/** The keys of `[gateway]` that are read only at the start. */
const START_ONLY = ['listen', 'metrics_listen', 'state_dir'] as const;

/** What is in use of a configuration. */
const liveOf = ({ config, models, ownTokens, tls }: LoadedGatewayConfig): unknown => ({
  config: config.value,
  models: models.value,
  ownTokens,
  cert: tls?.cert,
  key: tls?.key,
});

/** The files of the configuration while the gateway runs. Files that cannot be used leave the earlier ones. */
export class WatchedConfig {
  readonly #options: WatchedConfigOptions;
  readonly #atStart: GatewayConfig;
  #loaded: LoadedGatewayConfig;
  #version: string;
  /** What was logged about the files; undefined if they are as they should be. */
  #problem: string | undefined;
  /** The files could not be used, or not in all, when they were read last. */
  #isStale = false;
  #restartRequired: readonly string[] = [];

  constructor(options: WatchedConfigOptions) {
    this.#options = options;
    this.#loaded = options.loaded;
    this.#atStart = options.loaded.config.value;
    this.#version = this.#lookAtFiles();
  }

  get loaded(): LoadedGatewayConfig {
    return this.#loaded;
  }

  /** Changed keys that are in use only after a restart. */
  get restartRequired(): readonly string[] {
    return this.#restartRequired;
  }

  /** Reads the files again if one has changed, or if they could not be used: the cause may be a file that is not watched. */
  refresh(): void {
    const version = this.#lookAtFiles();
    if (version === this.#version && !this.#isStale) return;
    this.#version = version;
    this.reload();
  }

  /** Reads the files again. @returns false if they cannot be used, so that the earlier configuration stays in use */
  reload(): boolean {
    const { input, prepare } = this.#options;
    if (!input) return true;
    const before = this.#loaded;
    try {
      const { loaded, restartRequired } = this.#load(input);
      const apply = prepare(loaded);
      const isNew = !Bun.deepEquals(liveOf(before), liveOf(loaded));
      this.#loaded = loaded;
      if (isNew || this.#isStale) apply();
      this.#isStale = false;
      this.#restartRequired = restartRequired;
      if (isNew) this.#tell();
    } catch (error) {
      if (!(error instanceof ConfigError) && this.#loaded === before) throw error;
      this.#isStale = true;
      if (error instanceof ConfigError)
        this.#report(`the earlier configuration stays in use: ${error.message}`);
      else this.#report(`the new configuration is in use only in part: ${systemReason(error)}`);
      return false;
    }
    const keys = this.#restartRequired.join(', ');
    this.#report(keys === '' ? undefined : `restart cortex to use the new ${keys}`);
    return true;
  }

  #tell(): void {
    const { log } = this.#options;
    const { config, models } = this.#loaded;
    log.info(
      { nodes: config.value.neurons.length, models: models.value.models.length },
      'the configuration has changed',
    );
    for (const warning of [...config.warnings, ...models.warnings]) log.warn(warning);
  }

  /** With the values from the start of the keys that are read only then, and which of them have others now. */
  #load(input: GatewayConfigInput) {
    const { gateway } = this.#atStart;
    const loaded = loadGatewayConfig(input);
    const changed = START_ONLY.filter((key) => loaded.config.value.gateway[key] !== gateway[key]);
    const restartRequired = changed.map((key) => `gateway.${key}`);
    if (changed.length === 0) return { loaded, restartRequired };
    // The files beside another state folder would be read, too.
    const kept = Object.fromEntries(changed.map((key) => [`gateway.${key}`, gateway[key]]));
    const flags = { ...input.flags, ...kept };
    return { loaded: loadGatewayConfig({ ...input, flags }), restartRequired };
  }

  #report(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) this.#options.log.warn(problem);
    this.#problem = problem;
  }

  #lookAtFiles(): string {
    const { input } = this.#options;
    if (!input) return '';
    const { file, modelsFile } = input;
    const folder = file === undefined ? undefined : dirname(file);
    const { config, modelsPath } = this.#loaded;
    const { models_config: named } = config.value.gateway;
    const beside = folder === undefined ? undefined : resolve(folder, named);
    // What `cortex add` writes where no file is named.
    const own = modelsFileFor({ ...this.#loaded, modelsPath: undefined }).path;
    const { value } = config;
    const nodes = folder === undefined ? [] : filesIn(join(folder, NODES_FOLDER));
    const joined = filesIn(joinedFolder(value));
    const tokens = value.neurons.map(({ token_file: tokenFile }) => tokenFile);
    const tls = [value.gateway.tls_cert, value.gateway.tls_key];
    return [file, modelsFile, modelsPath, beside, own, ...nodes, ...joined, ...tokens, ...tls]
      .flatMap((path) => (path === undefined ? [] : versionOf(path)))
      .join('\n');
  }
}
