import { NEURON_HEADERS, toHeaderText, toRetryAfterS } from '@cortex/protocol';

import { type WireHeaders } from '../wire/response-parser.ts';
import { EXPLAIN_HEADER, explainHeader } from './explain-header.ts';

/** Headers for one hop only (RFC 9110, 7.6.1), or set again for the next hop. */
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
  // These describe the page that called. A node applies its own rules to pages that call it directly.
  'origin',
  'referer',
  // Only cortex sets the identity of a request.
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
  // What a node says of its own address, its own credentials and its own pages is not true of cortex.
  'alt-svc',
  'clear-site-data',
  'location',
  'refresh',
  'strict-transport-security',
  'www-authenticate',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'access-control-max-age',
]);

const isIdentity = (name: string): boolean =>
  name.startsWith('x-cortex-') || name.startsWith('x-neuron-') || name.startsWith('x-forwarded-');

const NOTHING: readonly string[] = [];

/** Names that `Connection` declares to be for this hop. Usually it is only `keep-alive` or `close`. */
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
  // No prototype, because a header may have the name of one of its members.
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
  /** Default request fields of the alias in the request; undefined: none. */
  readonly params: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The headers that the node gets for a client's request (behaviour 10). The connection adds the node's token.
 */
export function toNodeHeaders(client: Headers, identity: Identity): Record<string, string> {
  const headers = passOn(client.toJSON(), NOT_FORWARDED);
  // A compressed stream would be buffered, and cortex could not read it.
  headers['accept-encoding'] = 'identity';
  headers['x-request-id'] = identity.requestId;
  headers[NEURON_HEADERS.principal] = toHeaderText(identity.principal);
  if (identity.params !== undefined)
    headers[NEURON_HEADERS.params] = Buffer.from(JSON.stringify(identity.params)).toString(
      'base64url',
    );
  return headers;
}

/** The seconds of a node's `Retry-After` (RFC 9110, 10.2.3: a number or a date), from 1 to 60; absent: it has none. */
export function retryAfterOf({ 'retry-after': text }: WireHeaders): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  return toRetryAfterS(Number.isNaN(seconds) ? (Date.parse(text) - Date.now()) / 1000 : seconds);
}

/** The headers that the client gets from a node's answer, without those that cortex adds. */
export function toClientHeaders(node: WireHeaders): Record<string, string> {
  const headers = passOn(node, NOT_RELAYED);
  const retryAfterS = retryAfterOf(node);
  if (retryAfterS !== undefined) headers['retry-after'] = String(retryAfterS);
  return headers;
}

/** What the headers of an answer say of its request. */
interface Place {
  readonly requestId: string;
  readonly model: string | undefined;
  readonly node: string | undefined;
  readonly isColdStart: boolean;
  readonly explanation: readonly string[] | undefined;
}

/** The headers with which cortex says which request it was, and who answered it. */
export function placeHeaders({
  requestId,
  model,
  node,
  isColdStart,
  explanation,
}: Place): Record<string, string> {
  const headers: Record<string, string> = { 'x-request-id': requestId };
  if (model !== undefined) headers['x-cortex-model'] = toHeaderText(model);
  if (node !== undefined) headers['x-cortex-node'] = toHeaderText(node);
  if (isColdStart) {
    headers['x-cortex-cold-start'] = 'true';
    if (explanation) headers[EXPLAIN_HEADER] = explainHeader(explanation);
  }
  return headers;
}
