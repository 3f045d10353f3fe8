import { CortexError } from '@cortex/protocol';

import type { Refusal } from '../web/web-client.ts';

/** What was asked for, and how. */
export interface HubQuestion {
  readonly endpoint: string;
  readonly repo: string;
  readonly revision: string;
  readonly hasToken: boolean;
}

const fail = (message: string): CortexError =>
  new CortexError('model_load_failed', message, { param: 'source' });

/**
 * Why the hub refuses a request for good, and what to do; undefined for a status that says nothing about the model.
 *
 * The hub names the cause in `X-Error-Code`. It answers 401 for a repository that does not exist if the request has
 * no token.
 */
export function explainHubRefusal(
  { status, headers }: Refusal,
  { endpoint, repo, revision, hasToken }: HubQuestion,
): CortexError | undefined {
  const code = headers.get('x-error-code') ?? '';
  const page = `${endpoint}/${repo}`;
  const licence = hasToken
    ? `accept its licence at ${page} with the account of HF_TOKEN`
    : `accept its licence at ${page}, and set HF_TOKEN to a token of that account`;
  if (code === 'GatedRepo' || status === 403) {
    return fail(`hf:${repo} is gated (the hub answered ${status}): ${licence}.`);
  }
  if (code === 'RevisionNotFound') return fail(`hf:${repo} has no revision ${revision}.`);
  if (code === 'EntryNotFound') {
    return fail(`A file of hf:${repo}@${revision} does not exist any more.`);
  }
  if (status === 401 && hasToken) {
    return fail(
      `The hub refused HF_TOKEN for hf:${repo} (401): the token is not valid, or its account may not read ${page}.`,
    );
  }
  if (status === 401) {
    return fail(
      `The hub refused hf:${repo} (401): it does not exist, is private, or is gated. Check the name. If it is private, set HF_TOKEN to a token of an account that may read it. If it is gated, ${licence}.`,
    );
  }
  if (status !== 404) return undefined;
  return fail(`hf:${repo} does not exist at ${endpoint}. Check the name.`);
}
