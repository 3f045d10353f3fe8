import { isIPv4, isIPv6 } from 'node:net';

import { z } from 'zod';

const FORM = 'write http://host:port, such as http://beast.internal:13131';
const MAX_PORT = 65_535;
const MAX_SHOWN_CHARS = 200;

/** Hosts that stand for every address of a machine; programs listen there, but nothing can be called there. */
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '[::]', '*']);

/** The problem of a text without a scheme, with what to write. */
function withoutScheme(text: string): string {
  const address = isIPv6(text) ? `[${text}]` : text;
  const isUsable = /^[\w.-]+(?::\d+)?(?:\/.*)?$|^\[/.test(address);
  const wanted = isUsable ? `http://${address}` : undefined;
  return wanted !== undefined && URL.canParse(wanted)
    ? `has no scheme: write ${wanted}`
    : `is not a URL: ${FORM}`;
}

/** The problem of a text that begins with http:// or https:// and is not a valid URL. */
function notParsed(text: string): string {
  const [, scheme = '', authority = ''] = /^(https?:\/\/)([^/]*)/i.exec(text) ?? [];
  const [, host = '', port] = /^(.*?)(?::(\d*))?$/.exec(authority) ?? [];
  if (host === '') return `has no host: ${FORM}`;
  if (isIPv6(authority))
    return `needs brackets around the IPv6 address: write ${scheme}[${authority}]`;
  if (isIPv6(host))
    return `needs brackets around the IPv6 address: write ${scheme}[${host}]:${port}`;
  if (host.includes('%')) return 'has a zone in its IPv6 address: use a name or another address';
  if (port !== undefined && Number(port) > MAX_PORT)
    return `has the port ${port}: a port is a number from 1 to ${MAX_PORT}`;
  return `is not a valid URL: ${FORM}`;
}

/** Why the parts of `url`, written as `text`, cannot be those of a node. */
function wrongParts(url: URL, text: string): string | undefined {
  const { hostname, port, pathname } = url;
  if (port === '0') return `has the port 0: a port is a number from 1 to ${MAX_PORT}`;
  if (EVERY_ADDRESS.has(hostname))
    return `has ${hostname}, which stands for every address of a machine: write 127.0.0.1 for this machine, else the name or address of the other one`;
  if (hostname.includes('*')) return `has a "*" in its host: ${FORM}`;
  const [, written = ''] = /^\w+:\/\/([^/:]*)/.exec(text) ?? [];
  if (isIPv4(hostname) && written !== hostname)
    return `has the host ${written}, which means the address ${hostname}: ${FORM}`;
  if (/\/v1\/*$/.test(pathname))
    return 'ends with /v1: write it without /v1, because cortex adds the paths itself';
  return undefined;
}

/** Why `text` cannot be the base URL of a neuron, as a sentence; undefined if it can. */
function endpointProblem(text: string): string | undefined {
  // The value is not shown, because it may contain a password.
  if (/[@?#\\]/.test(text))
    return 'a node is called without user name, query and fragment: write http://host:port';
  const problem = addressProblem(text);
  return problem && `${JSON.stringify(text.slice(0, MAX_SHOWN_CHARS))} ${problem}`;
}

/** The problem of an address; it follows the value in a sentence. */
function addressProblem(text: string): string | undefined {
  if (text === '') return `is empty: ${FORM}`;
  if (/[\s\p{Cc}]/u.test(text)) return 'has a space in it: remove it';
  if (!/^https?:\/\/(?!\/)/i.test(text))
    return /^[a-z][a-z\d+.-]*:\/|^https?:/i.test(text)
      ? `must begin with http:// or https:// and a host: ${FORM}`
      : withoutScheme(text);
  const url = URL.parse(text);
  return url === null ? notParsed(text) : wrongParts(url, text);
}

/** Base URL of a neuron: scheme, host, port and path prefix. */
export const nodeEndpoint = z
  .string()
  .superRefine((text, context) => {
    const message = endpointProblem(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .meta({ format: 'uri' });

/** The same text for all spellings of one base URL. */
export const sameEndpoint = (endpoint: string): string =>
  (URL.parse(endpoint)?.href ?? endpoint).replace(/\/+$/, '');
