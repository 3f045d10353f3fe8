import { CortexError } from '@cortex/protocol';

/**
 * The most entries of each list. Rendering a template blocks every stream of the model: it takes 20 to 60 µs per
 * message and 50 to 200 µs per tool.
 */
const MAX_ENTRIES = { messages: 4096, tools: 512, functions: 512, documents: 512 } as const;

/**
 * Checks the size of a chat before it is parsed.
 *
 * @throws CortexError `invalid_request` naming the list that is too long.
 */
export function checkChatSize(body: Readonly<Record<string, unknown>>): void {
  for (const [param, most] of Object.entries(MAX_ENTRIES)) {
    const list = body[param];
    if (!Array.isArray(list) || list.length <= most) continue;
    throw new CortexError(
      'invalid_request',
      `"${param}" must have at most ${most} entries, not ${list.length}.`,
      { param },
    );
  }
}
