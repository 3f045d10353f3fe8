import { type ClientBody, toHeaderText } from '@cortex/protocol';

/** Names the tools of a request that no node can offer, and that are therefore left out. */
const DROPPED_TOOLS_HEADER = 'x-cortex-dropped-tools';
/** Names the fields of a request that would change the answer, and that are left out all the same. */
const DROPPED_FIELDS_HEADER = 'x-cortex-dropped-fields';

/** Longest value. Clients and proxies refuse an answer whose headers are longer than some KiB. */
const MAX_CHARS = 1024;
/** Longest part of one name, in characters before they are encoded. */
const MAX_NAME_CHARS = 64;
const SEPARATOR = ', ';

/**
 * The value of such a header. Long names are cut, and names for which there is no room are counted: `web_search, (3 more)`.
 */
export function droppedNames(names: readonly string[]): string {
  const shown: string[] = [];
  let length = 0;
  for (const name of names) {
    const text = toHeaderText(name.slice(0, MAX_NAME_CHARS));
    length += text.length + SEPARATOR.length;
    if (length > MAX_CHARS) break;
    shown.push(text);
  }
  const rest = names.length - shown.length;
  return [...shown, ...(rest === 0 ? [] : [`(${rest} more)`])].join(SEPARATOR);
}

const headerOf = (
  header: string,
  names: readonly string[] = [],
): Readonly<Record<string, string>> =>
  names.length === 0 ? {} : { [header]: droppedNames(names) };

/** Tells the client which parts of its request the model does not get. */
export const droppedHeaders = ({
  droppedTools,
  droppedFields,
}: Pick<ClientBody, 'droppedTools' | 'droppedFields'>): Readonly<Record<string, string>> => ({
  ...headerOf(DROPPED_TOOLS_HEADER, droppedTools),
  ...headerOf(DROPPED_FIELDS_HEADER, droppedFields),
});
