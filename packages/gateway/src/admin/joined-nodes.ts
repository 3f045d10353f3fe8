import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { CortexError } from '@cortex/protocol';
import { systemReason, writeWholeFiles } from '@cortex/service';

const MODE = 0o600;

/** A node as it is written to the configuration. */
export interface JoinedNode {
  readonly name: string;
  readonly endpoint: string;
  /** As in cortex.toml; undefined: plain HTTP. */
  readonly tlsFingerprint: string | undefined;
  /** The bearer token of the node. */
  readonly token: string;
}

/** A key with a text; TOML's basic strings are JSON's, but for control characters that these texts do not have. */
const line = (key: string, value: string | undefined): string =>
  value === undefined ? '' : `${key} = ${JSON.stringify(value)}\n`;

/** Whether `folder` has a file of that name, also in a file system that does not distinguish upper and lower case. */
export const isWritten = (folder: string, name: string): boolean =>
  existsSync(join(folder, `${name}.toml`));

/**
 * Writes `NAME.toml` with the node, and beside it `NAME.token` with its token. Both can be read by this user only.
 *
 * @returns a function that removes them
 * @throws CortexError naming the folder; nothing is written then
 */
export function writeJoinedNode(folder: string, node: JoinedNode): () => void {
  const { name, endpoint, tlsFingerprint, token } = node;
  const tokenFile = `${name}.token`;
  const toml = [
    '# Written when this node joined. Delete the file to remove the node from the fleet.\n[[neurons]]\n',
    line('name', name),
    line('endpoint', endpoint),
    line('tls_fingerprint', tlsFingerprint),
    line('token_file', tokenFile),
  ].join('');
  try {
    // The token first: the other file names it.
    return writeWholeFiles([
      { path: join(folder, tokenFile), text: `${token}\n`, mode: MODE },
      { path: join(folder, `${name}.toml`), text: toml, mode: MODE },
    ]);
  } catch (error) {
    throw new CortexError(
      'internal_error',
      `The gateway cannot write to ${folder}: ${systemReason(error)}.`,
      { cause: error },
    );
  }
}
