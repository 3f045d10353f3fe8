/** The inference entry of external harnesses. */
import { CortexError } from '@cortex/protocol';

import { type InferenceRoute, TOKENIZER_ROUTES, type TokenizerRoute } from '../harness.ts';
import { KINDS } from './server-kinds.ts';
import { serveUpstream } from './serve-upstream.ts';
import { serveTokenizer } from './tokenizer-upstream.ts';
import type { UpstreamServing } from './upstream-target.ts';

const isTokenizerRoute = (route: InferenceRoute): route is TokenizerRoute =>
  TOKENIZER_ROUTES.some((known) => known === route);

/** @throws CortexError what the server refused, or why it could not be asked */
export async function serveExternal(
  route: InferenceRoute,
  serving: Omit<UpstreamServing, 'route'>,
): Promise<Response> {
  if (!isTokenizerRoute(route)) return serveUpstream({ ...serving, route });
  const { request, target } = serving;
  const { tokenizer } = KINDS[target.kind];
  if (tokenizer === undefined) {
    request.ended({ kind: 'refused' });
    throw new CortexError(
      'wrong_modality',
      `The server of ${target.modelId} (${target.upstream.harness}) has no route ${route}.`,
      { param: 'model' },
    );
  }
  return serveTokenizer(route, tokenizer, serving);
}
