import { type DialectName } from '@cortex/protocol';

/** The id of a request under every name in which clients of `dialect` look for it. Anthropic's SDKs read `request-id`. */
export const requestIdHeaders = (
  dialect: DialectName,
  requestId: string,
): Readonly<Record<string, string>> => ({
  'x-request-id': requestId,
  ...(dialect === 'anthropic' && { 'request-id': requestId }),
});
