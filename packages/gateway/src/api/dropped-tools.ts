import { toHeaderText } from '@cortex/protocol';

/** Names the tools of a request that no node can offer, and that are therefore left out. */
export const DROPPED_TOOLS_HEADER = 'x-cortex-dropped-tools';

/** Longest value. Clients and proxies refuse an answer whose headers are longer than some KiB. */
const MAX_CHARS = 1024;
/** Longest part of one name, in characters before they are encoded. */
const MAX_NAME_CHARS = 64;
const SEPARATOR = ', ';

/**
 * The value of the header. Long names are cut, and names for which there is no room are counted: `web_search, (3 more)`.
 */
export function droppedTools(names: readonly string[]): string {
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
