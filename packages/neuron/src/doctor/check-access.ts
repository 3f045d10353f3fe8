/** Checks of the token, the certificate and the address of a node. */
import { ConfigError, type LoadedConfig, parseListen } from '@cortex/service';

import { readTokens } from '../api/node-token.ts';
import { isLoopback, type NeuronConfig, readOwnTls } from '../config.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

const DAY_MS = 86_400_000;
/** A certificate that ends sooner should be replaced. */
const SOON_DAYS = 30;

/** The command in a warning about a file, as `… run "chmod 600 file"`. */
const commandIn = (text: string): string | undefined => /run "(.+)"$/.exec(text)?.[1];

const asFinding = (part: string, error: unknown): Finding => {
  if (!(error instanceof ConfigError)) throw error;
  return wrong(part, error.message, commandIn(error.message));
};

/** The token file: that it can be used, and who can read it. */
export function checkToken({ value, origins }: LoadedConfig<NeuronConfig>): Finding {
  const { listen, security } = value;
  const { node_token_file: file, insecure } = security;
  if (file === undefined) {
    const isLocal = isLoopback(parseListen(listen).hostname);
    if (isLocal) return ok('token', 'none is needed: only this machine can reach the node');
    // Without `insecure` the configuration would have been refused.
    return insecure
      ? note(
          'token',
          `security.insecure: everyone who can reach ${listen} can use this node`,
          'create a token with "(umask 077; openssl rand -hex 32 > token)" and set security.node_token_file',
        )
      : wrong('token', `listen = "${listen}" needs security.node_token_file`);
  }
  try {
    const { secrets, warning } = readTokens({ file, origins });
    if (warning !== undefined) return wrong('token', warning, commandIn(warning));
    if (secrets.length > 1) {
      return note(
        'token',
        `${file} has two tokens, and both are valid`,
        'remove the second line once no gateway sends it',
      );
    }
    return ok('token', `${file} can be read only by its owner and its group`);
  } catch (error) {
    return asFinding('token', error);
  }
}

/** The certificate: that it belongs to its key, and how long it is valid. @param nowMs - Wall clock. */
export function checkTls(config: LoadedConfig<NeuronConfig>, nowMs: number): Finding | undefined {
  try {
    const tls = readOwnTls(config, nowMs);
    if (tls === undefined) return undefined;
    const [warning] = tls.warnings;
    const mend = 'neuron cert --replace';
    if (warning !== undefined) return wrong('tls', warning, commandIn(warning) ?? mend);
    const days = Math.floor((tls.validTo.getTime() - nowMs) / DAY_MS);
    const text = `the certificate is valid for ${days} more days, ${tls.fingerprint}`;
    return days < SOON_DAYS ? note('tls', text, mend) : ok('tls', text);
  } catch (error) {
    return asFinding('tls', error);
  }
}
