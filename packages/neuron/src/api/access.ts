import { CortexError, NEURON_HEADERS } from '@cortex/protocol';
import { networkOf, type SecretCheck } from '@cortex/service';

import { parseJsonObject } from '../json-body.ts';

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
  readonly token: SecretCheck | undefined;
  readonly isLoopback: boolean;
}): Access {
  const { token, isLoopback } = options;
  const isStampBelieved = token !== undefined || isLoopback;
  return {
    check(headers) {
      if (token === undefined) return;
      const [scheme = '', given = ''] = (headers.get('authorization') ?? '').split(/\s+/);
      if (scheme.toLowerCase() === 'bearer' && token.isValid(given)) return;
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
