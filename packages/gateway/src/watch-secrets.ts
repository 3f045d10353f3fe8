import { type LoadedConfig, type Logger, type SecretCheck, WatchedSecrets } from '@cortex/service';

import { adminKeyFile, prepareAdminKey } from './admin/admin-key.ts';
import { type GatewayConfig } from './config/gateway-config.ts';
import { MAX_NODE_TOKENS, nodeTokenFile } from './config/read-secret-file.ts';

/**
 * How often a changed node token is left to a later look. Nodes take a new one at their first look, so that all of them
 * accept it before the gateway sends it, even if all of them read the same file.
 */
const NODE_TOKEN_DELAY_LOOKS = 2;

interface Options {
  readonly log: Logger;
  /** Called after the file of the node token has changed. */
  readonly onNodeToken: () => void;
}

type Config = LoadedConfig<GatewayConfig>;

/** The secrets of the gateway, which may change while it runs. The first start creates the admin key. */
export class GatewaySecrets {
  readonly #options: Options;
  #config: Config;
  #nodeToken: WatchedSecrets | undefined;
  #adminKey: WatchedSecrets;

  /** @throws ConfigError when a file can neither be used nor created */
  constructor(config: Config, options: Options) {
    this.#options = options;
    this.#config = config;
    this.#nodeToken = this.#readNodeToken(config);
    this.#adminKey = this.#readAdminKey(config);
  }

  /** The token that is sent to every node, the first line of its file; undefined: none is configured. */
  get nodeToken(): string | undefined {
    return this.#nodeToken?.secrets[0];
  }

  readonly adminKey: SecretCheck = { isValid: (given) => this.#adminKey.isValid(given) };

  /** Reads the files that another configuration names. @returns what puts them in use @throws ConfigError */
  prepare(next: Config): () => void {
    const before = this.#config.value;
    const hasOtherToken = before.auth.node_token_file !== next.value.auth.node_token_file;
    const hasOtherKey = adminKeyFile(before) !== adminKeyFile(next.value);
    const nodeToken = hasOtherToken ? this.#readNodeToken(next) : this.#nodeToken;
    const adminKey = hasOtherKey ? this.#readAdminKey(next) : this.#adminKey;
    return () => {
      this.#config = next;
      this.#nodeToken = nodeToken;
      this.#adminKey = adminKey;
    };
  }

  /** Looks for changed files; called every `SECRET_LOOK_MS`. */
  refresh(): void {
    void this.#nodeToken?.refresh();
    void this.#adminKey.refresh();
  }

  /** Reads all files again, now. */
  reload(): void {
    this.#nodeToken?.reload();
    this.#adminKey.reload();
  }

  #readNodeToken(config: Config): WatchedSecrets | undefined {
    const from = nodeTokenFile(config);
    const { log, onNodeToken } = this.#options;
    return (
      from &&
      new WatchedSecrets({
        from,
        name: 'node token',
        maxSecrets: MAX_NODE_TOKENS,
        delayLooks: NODE_TOKEN_DELAY_LOOKS,
        log,
        onChange: onNodeToken,
      })
    );
  }

  #readAdminKey(config: Config): WatchedSecrets {
    return new WatchedSecrets({
      from: prepareAdminKey(config),
      name: 'admin key',
      log: this.#options.log,
    });
  }
}
