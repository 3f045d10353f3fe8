/** A server-sent event with JSON as its data. @param name - Absent: an event without a name, as in OpenAI's API. */
export const formatEvent = (data: unknown, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;
