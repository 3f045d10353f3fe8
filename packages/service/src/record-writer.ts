/** Writes records as JSON lines; `flush` writes what has not been written yet. */
export interface RecordWriter {
  (record: object): void;
  flush(): void;
}

/**
 * A writer for the request path: one `JSON.stringify` a record, and one `write` for all records of a short while.
 *
 * @param write - Gets whole lines, each ending with a line feed.
 * @param options.delayMs - How long a record may wait for others; absent: the rest of this turn of the event loop.
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
