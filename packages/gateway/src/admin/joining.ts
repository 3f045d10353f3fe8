import { isIPv6 } from 'node:net';

import {
  type AdminJoinToken,
  CortexError,
  type JoinAnswer,
  type JoinCall,
  JoinRequest,
  readShape,
  type SealedBody,
} from '@cortex/protocol';
import { createJoinToken, type Logger, plainAddress, seal, unseal } from '@cortex/service';

import { nodeEndpoint, sameEndpoint } from '../config/node-endpoint.ts';
import { isWritten, writeJoinedNode } from './joined-nodes.ts';
import { JOIN_TOKEN_S, JoinTokens } from './join-tokens.ts';

/** A name or address as it is written in a URL, without anything of another part of one. */
const HOST = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/;

interface JoiningDeps {
  /** Monotonic. */
  readonly nowMs: () => number;
  /** The folder of the nodes that have joined. */
  readonly folder: () => string;
  /** Name and endpoint of every node in use. */
  readonly nodes: () => readonly { readonly name: string; readonly endpoint: string }[];
  /** Reads the configuration again. @returns false if it cannot be used */
  readonly reload: () => boolean;
  readonly log: Pick<Logger, 'info'>;
}

/** Lets nodes join the fleet, each with a token that was made for it. */
export class Joining {
  readonly #deps: JoiningDeps;
  readonly #tokens: JoinTokens;
  /** In the place of a token that does not exist, so that such a call takes as long as any other. */
  readonly #nobody = createJoinToken();

  constructor(deps: JoiningDeps) {
    this.#deps = deps;
    this.#tokens = new JoinTokens(deps.nowMs);
  }

  issueToken(): AdminJoinToken {
    return { token: this.#tokens.issue(), expires_in_s: JOIN_TOKEN_S };
  }

  /**
   * Adds the node that makes the call, and uses up its token. Nothing else runs in between, so a token adds one node.
   *
   * @param peer - The address from which the call comes.
   * @returns the sealed answer
   * @throws CortexError `invalid_api_key` for a body that was not written with a valid token, whatever the reason;
   * `conflict` for a name or an endpoint that is taken, and `invalid_request`: the token stays valid then
   */
  join(call: JoinCall, peer: string): SealedBody {
    const token = this.#tokens.find(call.id);
    const body = unseal(token ?? this.#nobody, 'request', call);
    if (token === undefined || body === undefined) {
      throw new CortexError(
        'invalid_api_key',
        'The join token is not valid: it is wrong, it was used, or it is older than 1 h. "cortex join-token" makes a new one.',
      );
    }
    const answer = this.#add(readShape(JoinRequest, body), peer);
    this.#tokens.use(token);
    return seal(token, 'answer', answer);
  }

  #add(request: JoinRequest, peer: string): JoinAnswer {
    const { name, tls_fingerprint: tlsFingerprint, token } = request;
    const { folder, reload, log } = this.#deps;
    const endpoint = endpointOf(request, peer);
    this.#refuseTaken(name, endpoint);
    const remove = writeJoinedNode(folder(), { name, endpoint, tlsFingerprint, token });
    if (!reload()) {
      remove();
      throw new CortexError(
        'conflict',
        'The configuration of the gateway has a mistake, which its log names: correct it, then join again.',
      );
    }
    log.info({ node: name, endpoint }, 'a node has joined');
    return { name, endpoint };
  }

  #refuseTaken(name: string, endpoint: string): void {
    const nodes = this.#deps.nodes();
    if (nodes.some((node) => node.name === name) || isWritten(this.#deps.folder(), name)) {
      throw new CortexError(
        'conflict',
        `The fleet has a node ${name} already: join with another --name, or remove that node first.`,
        { param: 'name' },
      );
    }
    const same = nodes.find((node) => sameEndpoint(node.endpoint) === sameEndpoint(endpoint));
    if (same === undefined) return;
    throw new CortexError(
      'conflict',
      `The node ${same.name} has the endpoint ${endpoint} already: remove it first, or join with another --host or another port.`,
      { param: 'host' },
    );
  }
}

/** The base URL of a node that says this about itself and calls from `peer`. */
function endpointOf({ host, port, tls_fingerprint: pin }: JoinRequest, peer: string): string {
  const named = host ?? plainAddress(peer);
  const address = named.replace(/^\[(.*)\]$/, '$1');
  const isAddress = isIPv6(address) && !address.includes('%');
  const url = `${pin === undefined ? 'http' : 'https'}://${isAddress ? `[${address}]` : named}:${port}`;
  const problem = nodeEndpoint.safeParse(url).error?.issues[0]?.message;
  if ((isAddress || HOST.test(named)) && problem === undefined) return url;
  throw new CortexError(
    'invalid_request',
    `The gateway cannot call a node at ${JSON.stringify(named)}: join with --host and the name or address of the node.`,
    { param: 'host' },
  );
}
