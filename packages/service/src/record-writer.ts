/** Writes records as JSON lines; `flush` writes what has not been written yet. */
export interface RecordWriter {
  (record: object): void;
  flush(): void;
}

/**
 * A writer for the request path: one `JSON.stringify` a record, one `write` a turn of the event loop.
 *
 * @param write - Gets whole lines, each ending with a line feed.
 */
export function createRecordWriter(write: (text: string) => void): RecordWriter {
  let waiting = '';
  const flush = (): void => {
    const text = waiting;
    waiting = '';
    if (text !== '') write(text);
  };
  const writeRecord = (record: object): void => {
    if (waiting === '') setImmediate(flush);
    waiting += `${JSON.stringify(record)}\n`;
  };
  return Object.assign(writeRecord, { flush });
}
