/**
 * The values of `source`, for a reader that may be slower: it gets the newest one and misses those before.
 *
 * A reader that stops early has to end the source itself.
 *
 * @throws the error of the source, after its last value
 */
export async function* newestOf<T>(source: AsyncIterable<T>): AsyncGenerator<T, void> {
  let newest: { readonly value: T } | undefined;
  let end: { readonly error?: unknown } | undefined;
  let changed = Promise.withResolvers<void>();
  const pump = async (): Promise<void> => {
    try {
      for await (const value of source) {
        newest = { value };
        changed.resolve();
      }
      end = {};
    } catch (error) {
      end = { error };
    }
    changed.resolve();
  };
  void pump();
  for (;;) {
    if (newest) {
      const { value } = newest;
      newest = undefined;
      yield value;
    } else if (end) {
      if ('error' in end) throw end.error;
      return;
    } else {
      await changed.promise;
      changed = Promise.withResolvers();
    }
  }
}
