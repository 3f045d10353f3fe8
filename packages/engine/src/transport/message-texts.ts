/** Texts about received messages, which are not trusted. */
import type { Message } from '../protocol/index.ts';

/** An id, for a log line. */
export const quote = (id: string) => JSON.stringify(id.slice(0, 40));

/** What is wrong with a message, in one line. */
export const summary = (error: unknown) =>
  error instanceof Error ? error.message.replaceAll(/\s+/g, ' ').slice(0, 200) : 'unreadable';

/** The start of a message, for a log line. */
export const excerpt = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 80);

/** @throws TypeError if the message has no id. */
export function idOf(message: Message): string {
  const { id } = message;
  if (typeof id !== 'string') throw new TypeError('id is not a string');
  return id;
}
