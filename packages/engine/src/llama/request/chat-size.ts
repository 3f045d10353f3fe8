import { CortexError } from '@cortex/protocol';

/**
 * Entries of each list. A template is rendered in one go, which holds up every stream of the model: it takes 20 to 60 µs
 * for a message and 50 to 200 µs for a tool.
 */
const MOST_ENTRIES = { messages: 4096, tools: 512, functions: 512, documents: 512 } as const;

/**
 * Before anything reads a chat whole.
 *
 * @throws CortexError `invalid_request` naming the list that is too long
 */
export function checkChatSize(body: Readonly<Record<string, unknown>>): void {
  for (const [param, most] of Object.entries(MOST_ENTRIES)) {
    const list = body[param];
    if (!Array.isArray(list) || list.length <= most) continue;
    throw new CortexError(
      'invalid_request',
      `"${param}" must have at most ${most} entries, not ${list.length}.`,
      { param },
    );
  }
}
