import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import {
  type ConfigError,
  keyError,
  type LoadedConfig,
  parseListen,
  systemReason,
  type WholeFile,
  writeWholeFiles,
} from '@cortex/service';

import { readTokens } from '../api/node-token.ts';
import { isLoopback, type NeuronConfig, readTlsFiles } from '../config.ts';
import { CERTIFICATE_DAYS, ownHosts, selfSignedFiles } from '../tls/own-certificate.ts';
import { createSelfSigned } from '../tls/self-signed.ts';
import { formatJoined, type JoinedSettings, readJoined } from './joined-file.ts';

const TOKEN_BYTES = 32;
const TOKEN_FILE = 'node.token';
const CERT_FILE = 'tls.crt';
const KEY_FILE = 'tls.key';

type Loaded = LoadedConfig<NeuronConfig>;

/** This node as a gateway can call it. Everything that its daemon needs for that is written. */
export interface PreparedNode {
  readonly port: number;
  readonly token: string;
  readonly tlsFingerprint: string;
  /** The files that were written. */
  readonly written: readonly string[];
  /** Listens on IPv6 addresses as well, if the address was not set by the operator. */
  listenOnIpv6(): void;
  /** Brings back what was there before. */
  undo(): void;
}

/** The address to listen on; `isChosen`: nothing sets it. @throws ConfigError if a gateway cannot call it */
function addressOf({ value, origins }: Loaded): {
  readonly port: number;
  readonly isChosen: boolean;
} {
  const { hostname, port } = parseListen(value.listen);
  const refuse = (problem: string): ConfigError =>
    keyError(origins, 'listen', { message: `"${value.listen}" ${problem}` });
  const isChosen = (origins.get('listen') ?? 'default') === 'default';
  if (isLoopback(hostname) && !isChosen) {
    throw refuse(
      `is reachable from this machine only, so that the gateway could not call this node: write "0.0.0.0:${port}", or remove the key`,
    );
  }
  if (port === 0)
    throw refuse('has no fixed port, so that the gateway could not call this node: write one');
  return { port, isChosen };
}

/** Files and settings that are missing so far. */
interface Made {
  readonly files: readonly WholeFile[];
  readonly settings: JoinedSettings;
}

const NOTHING: Made = { files: [], settings: {} };

function makeToken({ state_dir: stateDir, security }: NeuronConfig): Made {
  if (security.node_token_file !== undefined) return NOTHING;
  const text = `${randomBytes(TOKEN_BYTES).toString('hex')}\n`;
  return {
    files: [{ path: join(stateDir, TOKEN_FILE), text, mode: 0o600 }],
    settings: { node_token_file: TOKEN_FILE },
  };
}

async function makeCertificate({ state_dir: stateDir, security }: NeuronConfig): Promise<Made> {
  if (security.tls_cert !== undefined) return NOTHING;
  const made = await createSelfSigned({
    hosts: ownHosts(),
    days: CERTIFICATE_DAYS,
    nowMs: Date.now(),
  });
  const paths = { cert: join(stateDir, CERT_FILE), key: join(stateDir, KEY_FILE) };
  return {
    files: selfSignedFiles(paths, made),
    settings: { tls_cert: CERT_FILE, tls_key: KEY_FILE },
  };
}

/** Writes the files. @throws ConfigError naming the folder; nothing is written then */
function write({ value, origins }: Loaded, files: readonly WholeFile[]): () => void {
  try {
    return writeWholeFiles(files);
  } catch (cause) {
    const message = `${value.state_dir} cannot be written: ${systemReason(cause)}: run the command as the user that runs neuron, or set state_dir to a folder of yours`;
    throw keyError(origins, 'state_dir', { message, cause });
  }
}

/**
 * Writes what is missing for a gateway to call this node: an address beyond loopback, a token, a certificate. What
 * the configuration sets is used as it is.
 *
 * @throws ConfigError when the configuration does not allow it, or a file cannot be used; nothing is written then
 */
export async function prepareJoin(loaded: Loaded): Promise<PreparedNode> {
  const { value, origins } = loaded;
  const { state_dir: stateDir, security } = value;
  const { port, isChosen } = addressOf(loaded);
  const made = [makeToken(value), await makeCertificate(value)];
  const settings: JoinedSettings = {
    ...readJoined(stateDir),
    ...made[0]?.settings,
    ...made[1]?.settings,
    ...(isChosen && { listen: `0.0.0.0:${port}` }),
  };
  const isNew = isChosen || made.some(({ files }) => files.length > 0);
  const files = [
    ...made.flatMap((part) => part.files),
    ...(isNew ? [formatJoined(stateDir, settings)] : []),
  ];
  const undo = write(loaded, files);
  try {
    const from = security.node_token_file ?? join(stateDir, TOKEN_FILE);
    const cert = security.tls_cert ?? join(stateDir, CERT_FILE);
    const key = security.tls_key ?? join(stateDir, KEY_FILE);
    return {
      port,
      token: readTokens({ file: from, origins }).secrets[0] ?? '',
      tlsFingerprint: readTlsFiles({ cert, key, origins }, Date.now()).fingerprint,
      written: files.map(({ path }) => path),
      listenOnIpv6() {
        if (!isChosen) return;
        write(loaded, [formatJoined(stateDir, { ...settings, listen: `[::]:${port}` })]);
      },
      undo,
    };
  } catch (error) {
    undo();
    throw error;
  }
}
