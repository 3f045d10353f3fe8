import { CortexError, MAX_MODEL_CHARS } from '@cortex/protocol';

/** The part of a list that a client of Anthropic asks for. */
export interface PageRequest {
  /** Entries; Infinity: all of them. */
  readonly limit: number;
  /** The entry that the page follows or precedes, by its id; absent: the page begins with the first entry. */
  readonly cursor?: { readonly name: 'after_id' | 'before_id'; readonly id: string } | undefined;
}

const MAX_LIMIT = 1000;

/** @throws CortexError `invalid_request` */
function readLimit(text: string | undefined): number {
  // Anthropic's default is 20, but many clients read one page only: without a limit they get all models.
  if (text === undefined) return Infinity;
  const limit = /^\d+$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new CortexError(
    'invalid_request',
    `"limit" must be a whole number from 1 to ${MAX_LIMIT}.`,
    { param: 'limit' },
  );
}

/**
 * Reads `limit`, `after_id` and `before_id`. An empty id is none.
 *
 * @throws CortexError `invalid_request` naming the wrong parameter
 */
export function readPageRequest(query: Readonly<Record<string, string>>): PageRequest {
  const limit = readLimit(query['limit']);
  const { after_id: after = '', before_id: before = '' } = query;
  if (after !== '' && before !== '')
    throw new CortexError('invalid_request', 'Use "after_id" or "before_id", not both.', {
      param: 'before_id',
    });
  if (after !== '') return { limit, cursor: { name: 'after_id', id: after } };
  if (before !== '') return { limit, cursor: { name: 'before_id', id: before } };
  return { limit };
}

/** A page of a list, as Anthropic's APIs have it. */
export interface Page<Entry> {
  readonly data: readonly Entry[];
  /** In the direction in which the client reads. */
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

/** @throws CortexError `invalid_request` if no entry has the id of the cursor */
export function toPage<Entry extends { readonly id: string }>(
  entries: readonly Entry[],
  { limit, cursor }: PageRequest,
): Page<Entry> {
  const at = cursor === undefined ? -1 : entries.findIndex(({ id }) => id === cursor.id);
  if (cursor !== undefined && at === -1)
    throw new CortexError(
      'invalid_request',
      `"${cursor.name}": no model of this list has the id ${JSON.stringify(cursor.id.slice(0, MAX_MODEL_CHARS))}.`,
      { param: cursor.name },
    );
  const isBackwards = cursor?.name === 'before_id';
  const rest = isBackwards ? entries.slice(0, at) : entries.slice(at + 1);
  const data = isBackwards ? rest.slice(Math.max(0, at - limit)) : rest.slice(0, limit);
  return {
    data,
    has_more: data.length < rest.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}
