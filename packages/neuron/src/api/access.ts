import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { CortexError, NEURON_HEADERS } from '@cortex/protocol';
import { type ConfigOrigins, keyError, networkOf, systemReason } from '@cortex/service';

import { parseJsonObject } from '../json-body.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const TOKEN_KEY = 'security.node_token_file';

/** Reads the shared token. @throws ConfigError naming the key when the file has none */
export function readToken(path: string, origins: ConfigOrigins): string {
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const message = `${path} cannot be read: ${systemReason(error)}`;
    throw keyError(origins, TOKEN_KEY, { message, cause: error });
  }
  if (token === '') throw keyError(origins, TOKEN_KEY, { message: `${path} is empty` });
  return token;
}

/** Authentication of callers and their principals. */
export interface Access {
  /** @throws CortexError `invalid_api_key` without the token, if the node has one */
  check(headers: Headers): void;
  /** `key:…`, `session:…` or `addr:…`: as cortex set it if the caller is trusted, else by address. */
  principalOf(headers: Headers, address: string | undefined): string;
  /**
   * Sampling defaults of an alias as cortex sent them; undefined if there are none or the caller is not trusted.
   *
   * @throws CortexError `invalid_request` when they are not a base64url-encoded JSON object
   */
  paramsOf(headers: Headers): Readonly<Record<string, unknown>> | undefined;
}

/**
 * Access by shared token.
 *
 * @param options.isLoopback - The listener is reachable from this machine only. Without a token, the principal
 * header of callers is trusted only in this case.
 */
export function createAccess(options: {
  readonly token: string | undefined;
  readonly isLoopback: boolean;
}): Access {
  const expected = options.token === undefined ? undefined : digest(options.token);
  const isStampBelieved = expected !== undefined || options.isLoopback;
  return {
    check(headers) {
      if (!expected) return;
      const [scheme = '', given = ''] = (headers.get('authorization') ?? '').split(/\s+/);
      // Compares digests, so that the time reveals neither content nor length.
      if (scheme.toLowerCase() === 'bearer' && timingSafeEqual(digest(given), expected)) return;
      throw new CortexError(
        'invalid_api_key',
        'This node needs its token: send Authorization: Bearer <token>.',
      );
    },
    principalOf(headers, address) {
      const stamped = isStampBelieved ? headers.get(NEURON_HEADERS.principal) : null;
      if (stamped !== null && stamped !== '') return stamped.slice(0, 256);
      return `addr:${address === undefined ? 'unknown' : networkOf(address)}`;
    },
    paramsOf(headers) {
      const stamped = isStampBelieved ? headers.get(NEURON_HEADERS.params) : null;
      if (stamped === null || stamped === '') return undefined;
      try {
        return parseJsonObject(Buffer.from(stamped, 'base64url'));
      } catch (error) {
        throw new CortexError(
          'invalid_request',
          `The header ${NEURON_HEADERS.params} is not a base64url-encoded JSON object.`,
          { cause: error },
        );
      }
    },
  };
}
