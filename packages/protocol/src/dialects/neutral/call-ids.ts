import type { AnswerFacts } from '../dialect.ts';

/**
 * Makes ids for the calls of one answer that have none of their own. A conversation must not have one id twice, and
 * clients may use one request id for several requests.
 *
 * @param prefix - Of the ids, as the API writes them: `call_`.
 */
export function callIds(
  prefix: string,
  { requestId, createdS }: Pick<AnswerFacts, 'requestId' | 'createdS'>,
): () => string {
  const stem = Bun.hash.xxHash64(`${requestId} ${createdS}`).toString(16).padStart(16, '0');
  let made = 0;
  return () => `${prefix}${stem}_${(made += 1)}`;
}
