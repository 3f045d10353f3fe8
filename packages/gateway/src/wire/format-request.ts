/** Bodies up to this size are written together with the head. */
const ONE_WRITE_BYTES = 64 << 10;

export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its leading slash, percent-encoded. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: the request has no body. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Control characters except the tab, and characters that are not one byte (RFC 9110, section 5.5; DEL is harmless). */
const NOT_IN_VALUE = /[^\t\x20-\xff]/;
const TARGET = /^\/[\x21-\x7e]*$/;

/** Headers that the connection writes itself. A second one would change the framing or the addressed host. */
const OWN: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-length',
  'transfer-encoding',
]);

/** Whether `text` is a valid header value. */
export const isHeaderValue = (text: string): boolean => !NOT_IN_VALUE.test(text);

/** Whether `text` is the name of a header in lower case. */
export const isHeaderName = (text: string): boolean => TOKEN.test(text);

function formatHeader(name: string, value: string): string {
  if (!isHeaderName(name) || OWN.has(name))
    throw new TypeError(`${JSON.stringify(name)} cannot be the name of a header that is sent.`);
  if (!isHeaderValue(value))
    throw new TypeError(`The value of the header ${name} has characters that HTTP does not allow.`);
  return `${name}: ${value}\r\n`;
}

/** The first header lines of every request to a node. @throws TypeError when `token` cannot be sent */
export function formatOwnHeaders(host: string, token: string | undefined): string {
  if (!isHeaderValue(host))
    throw new TypeError('The host has characters that HTTP does not allow.');
  if (token === undefined) return `host: ${host}\r\n`;
  if (!isHeaderValue(token))
    throw new TypeError('The token of the node has characters that HTTP does not allow.');
  return `host: ${host}\r\nauthorization: Bearer ${token}\r\n`;
}

/**
 * Formats a request for the connection, in one or two pieces.
 *
 * @param ownHeaders - From `formatOwnHeaders`.
 * @throws TypeError when the path or a header would break the framing of the message
 */
export function formatRequest(
  ownHeaders: string,
  { method, path, headers, body }: WireRequest,
): readonly Uint8Array[] {
  if (!TARGET.test(path)) throw new TypeError(`${JSON.stringify(path)} is not a request path.`);
  let head = `${method} ${path} HTTP/1.1\r\n${ownHeaders}`;
  if (body !== undefined) head += `content-length: ${body.length}\r\n`;
  for (const name in headers) head += formatHeader(name, headers[name] ?? '');
  head += '\r\n';
  if (body === undefined) return [Buffer.from(head, 'latin1')];
  if (body.length > ONE_WRITE_BYTES) return [Buffer.from(head, 'latin1'), body];
  const whole = Buffer.allocUnsafe(head.length + body.length);
  whole.write(head, 0, 'latin1');
  whole.set(body, head.length);
  return [whole];
}
