import { NEURON_HEADERS, toHeaderText } from '@cortex/protocol';

import { type WireHeaders } from '../wire/response-parser.ts';

/** Between two hops only (RFC 9110, 7.6.1), or made anew for the next hop. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
];

const NOT_FORWARDED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  'expect',
  'accept-encoding',
  // The body is forwarded decompressed.
  'content-encoding',
  // Credentials of the client are not for nodes.
  'authorization',
  'x-api-key',
  'api-key',
  'cookie',
  // Of the page that called: a node has rules of its own for pages that call it directly.
  'origin',
  'referer',
  // Identity is what cortex says it is.
  'forwarded',
  'x-real-ip',
  'x-request-id',
]);

const NOT_RELAYED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'content-encoding',
  'date',
  'server',
  'set-cookie',
  'x-request-id',
]);

const isIdentity = (name: string): boolean =>
  name.startsWith('x-cortex-') || name.startsWith('x-neuron-') || name.startsWith('x-forwarded-');

const NOTHING: readonly string[] = [];

/** Names that `Connection` declares to be for this hop; `keep-alive` and `close` alone are the usual case. */
function connectionNames(connection: string | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close')
    return NOTHING;
  return connection.split(',').map((name) => name.trim().toLowerCase());
}

function passOn(
  all: Readonly<Record<string, string | readonly string[]>>,
  withheld: ReadonlySet<string>,
): Record<string, string> {
  const { connection } = all;
  const dropped = connectionNames(typeof connection === 'string' ? connection : undefined);
  // Without a prototype: a header may be named like one of its members.
  const passed: Record<string, string> = Object.create(null);
  for (const name in all) {
    if (withheld.has(name) || isIdentity(name) || dropped.includes(name)) continue;
    const value = all[name];
    if (typeof value === 'string') passed[name] = value;
  }
  return passed;
}

export interface Identity {
  readonly requestId: string;
  readonly principal: string;
  /** Request fields that the alias asked for sets by default; undefined: none. */
  readonly params: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The headers of a client's request as its node gets them (behaviour 10); the node's token is added where they are
 * sent.
 */
export function toNodeHeaders(client: Headers, identity: Identity): Record<string, string> {
  const headers = passOn(client.toJSON(), NOT_FORWARDED);
  // A compressed stream is a buffered one, and could not be looked into.
  headers['accept-encoding'] = 'identity';
  headers['x-request-id'] = identity.requestId;
  headers[NEURON_HEADERS.principal] = toHeaderText(identity.principal);
  if (identity.params !== undefined)
    headers[NEURON_HEADERS.params] = Buffer.from(JSON.stringify(identity.params)).toString(
      'base64url',
    );
  return headers;
}

/** The headers of a node's answer as the client gets them, without those that cortex adds. */
export const toClientHeaders = (node: WireHeaders): Record<string, string> =>
  passOn(node, NOT_RELAYED);
