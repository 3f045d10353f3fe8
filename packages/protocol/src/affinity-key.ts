import { sessionOf } from './client-session.ts';

type Text = string | Uint8Array;

/** What a request says of its conversation, beside its headers. */
export interface AffinityFacts {
  /** Fields that name a session or a user, the most exact first. A value that is not text, or is empty, names none. */
  readonly names: readonly unknown[];
  /** Texts that stay the same while the conversation grows; undefined: there are none. */
  readonly texts: () => readonly Text[] | undefined;
}

const hash = (texts: readonly Text[]): string =>
  texts
    .reduce((seed, text) => Bun.hash.xxHash64(text, seed), 0n)
    .toString(16)
    .padStart(16, '0');

function readKey(headers: Headers, { names, texts }: AffinityFacts): string | undefined {
  const session = [sessionOf(headers), ...names].find(
    (name) => typeof name === 'string' && name !== '',
  );
  if (typeof session === 'string') return `session:${hash([session])}`;
  const found = texts();
  return found && `text:${hash(found)}`;
}

/**
 * The affinity key of a request (behaviour 40): from the session header, else the fields that name a session or a
 * user, else the texts; undefined when nothing identifies the conversation. Computed when it is first called.
 */
export function affinityKeyOf(headers: Headers, facts: AffinityFacts): () => string | undefined {
  let key: { readonly value: string | undefined } | undefined;
  return () => (key ??= { value: readKey(headers, facts) }).value;
}
