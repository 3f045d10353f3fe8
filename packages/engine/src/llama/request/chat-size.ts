import { CortexError } from '@cortex/protocol';

/** A template takes up to 0.1 ms for a message, and everybody waits until it has all of them. */
const MOST_ENTRIES = 10_000;

/**
 * Before anything reads a chat whole.
 *
 * @throws CortexError `invalid_request` naming the list that is too long
 */
export function checkChatSize(body: Readonly<Record<string, unknown>>): void {
  for (const param of ['messages', 'tools', 'functions']) {
    const list = body[param];
    if (!Array.isArray(list) || list.length <= MOST_ENTRIES) continue;
    throw new CortexError(
      'invalid_request',
      `"${param}" has ${list.length} entries; no more than ${MOST_ENTRIES} are read.`,
      { param },
    );
  }
}
