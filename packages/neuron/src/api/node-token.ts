import {
  type ConfiguredFile,
  type Logger,
  readSecretFile,
  type SecretFile,
  WatchedSecrets,
} from '@cortex/service';

const TOKEN_KEY = 'security.node_token_file';
/** The new token and the old one, while callers change from one to the other. */
const MAX_TOKENS = 2;

type TokenFile = Pick<ConfiguredFile, 'file' | 'origins'>;

/** Reads the tokens of a node. @throws ConfigError naming the key when the file cannot be used */
export const readTokens = (from: TokenFile): SecretFile =>
  readSecretFile({ ...from, key: TOKEN_KEY }, { maxSecrets: MAX_TOKENS });

/** The valid tokens of a node: the lines of its token file. @throws ConfigError like `readTokens` */
export const watchTokens = (from: TokenFile, log: Pick<Logger, 'info' | 'warn'>): WatchedSecrets =>
  new WatchedSecrets({
    from: { ...from, key: TOKEN_KEY },
    name: 'node token',
    maxSecrets: MAX_TOKENS,
    log,
  });
