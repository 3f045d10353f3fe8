/** Writes records as JSON lines; `flush` writes the waiting ones at once. */
export interface RecordWriter {
  (record: object): void;
  flush(): void;
}

/**
 * A writer for the request path: one `JSON.stringify` per record, and one `write` for all records of a short interval.
 *
 * @param write - Receives whole lines, each ending with a line feed.
 * @param options.delayMs - How long a record may wait for others; absent: until the end of this event loop turn.
 */
export function createRecordWriter(
  write: (text: string) => void,
  { delayMs }: { readonly delayMs?: number } = {},
): RecordWriter {
  let waiting = '';
  const flush = (): void => {
    const text = waiting;
    waiting = '';
    if (text !== '') write(text);
  };
  const writeRecord = (record: object): void => {
    if (waiting === '' && delayMs === undefined) setImmediate(flush);
    else if (waiting === '') setTimeout(flush, delayMs);
    waiting += `${JSON.stringify(record)}\n`;
  };
  return Object.assign(writeRecord, { flush });
}
