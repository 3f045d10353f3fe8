/*
 * Model names, error messages and answers come from files, clients, nodes and models. A terminal executes control
 * characters in them: it moves the cursor, changes its title or reverses the direction of the text.
 */

/** Control characters except tab and line feed, and those that change the direction of text. */
const CONTROL = /(?![\n\t])\p{Cc}|[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;
const LINE_ENDS = /[\n\t\u2028\u2029]/g;

const toEscape = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Text of several lines for a terminal, with control characters escaped as in JSON. */
export const visibleText = (text: string): string => text.replace(CONTROL, toEscape);

/** Text that must stay on one line, such as a table cell. */
export const visibleLine = (text: string): string => visibleText(text).replace(LINE_ENDS, toEscape);
