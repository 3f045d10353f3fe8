import { CortexError } from '@cortex/protocol';

import type { ChatBody } from './chat-body.ts';

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

/**
 * Rendering takes about 20 to 60 µs per message, 50 to 200 µs per tool, and 15 to 35 ms per MB. A chat beyond one of
 * these is rendered beside the main thread, which takes a few milliseconds longer.
 */
const LARGE = { messages: 64, tools: 16, chars: 128 * 1024 } as const;

/** Whether rendering the chat would hold up other streams for longer than a few milliseconds. */
export function isLargeChat({ messages, tools = [], functions = [] }: ChatBody): boolean {
  if (messages.length > LARGE.messages) return true;
  if (tools.length + functions.length > LARGE.tools) return true;
  let chars = 0;
  for (const { content } of messages) {
    if (typeof content === 'string') chars += content.length;
    else for (const { text } of content ?? []) chars += typeof text === 'string' ? text.length : 0;
  }
  return chars > LARGE.chars;
}
