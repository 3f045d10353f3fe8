import { type LoadedConfig, type Logger, type SecretCheck, WatchedSecrets } from '@cortex/service';

import { prepareAdminKey } from './admin/admin-key.ts';
import { type GatewayConfig } from './config/gateway-config.ts';
import { MAX_NODE_TOKENS, nodeTokenFile } from './config/read-secret-file.ts';

/**
 * How often a changed node token is left to a later look. Nodes take a new one at their first look, so that all of them
 * accept it before the gateway sends it, even if all of them read the same file.
 */
const NODE_TOKEN_DELAY_LOOKS = 2;

/** The secrets of the gateway that may change while it runs. */
export interface GatewaySecrets {
  /** The token that is sent to every node, the first line of its file; undefined: none is configured. */
  readonly nodeToken: string | undefined;
  readonly adminKey: SecretCheck;
  /** Looks for changed files; called every `SECRET_LOOK_MS`. */
  refresh(): void;
  /** Reads all files again, now. */
  reload(): void;
}

/**
 * Reads the secrets of the gateway. The first start creates the admin key.
 *
 * @param options.onNodeToken - Called after the file of the node token has changed.
 * @throws ConfigError when a file can neither be used nor created
 */
export function watchSecrets(
  config: LoadedConfig<GatewayConfig>,
  { log, onNodeToken }: { readonly log: Logger; readonly onNodeToken: () => void },
): GatewaySecrets {
  const tokenFile = nodeTokenFile(config);
  const nodeToken =
    tokenFile &&
    new WatchedSecrets({
      from: tokenFile,
      name: 'node token',
      maxSecrets: MAX_NODE_TOKENS,
      delayLooks: NODE_TOKEN_DELAY_LOOKS,
      log,
      onChange: onNodeToken,
    });
  const adminKey = new WatchedSecrets({ from: prepareAdminKey(config), name: 'admin key', log });
  return {
    get nodeToken() {
      return nodeToken?.secrets[0];
    },
    adminKey,
    refresh() {
      void nodeToken?.refresh();
      void adminKey.refresh();
    },
    reload() {
      nodeToken?.reload();
      adminKey.reload();
    },
  };
}
