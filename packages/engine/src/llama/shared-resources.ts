/** A resource that its users share, for as long as one of them needs it. */
export interface Lease<T> {
  readonly value: T;
  /** Closes the resource if no other lease is left. Idempotent. */
  release(): Promise<void>;
}

interface Held<T> {
  readonly value: Promise<T>;
  users: number;
}

/** Opens a resource per key at its first use, and closes it after its last. */
export class SharedResources<K, T> {
  readonly #held = new Map<K, Held<T>>();

  /** @throws what `open` throws; the next call tries again. */
  async lease(
    key: K,
    {
      open,
      close,
    }: { readonly open: () => Promise<T>; readonly close: (value: T) => Promise<void> },
  ): Promise<Lease<T>> {
    const held = this.#held.get(key) ?? { value: open(), users: 0 };
    this.#held.set(key, held);
    held.users++;
    const leave = (): boolean => {
      held.users--;
      if (held.users === 0 && this.#held.get(key) === held) this.#held.delete(key);
      return held.users === 0;
    };
    let released: Promise<void> | undefined;
    try {
      const value = await held.value;
      const release = async (): Promise<void> => {
        if (leave()) await close(value);
      };
      return { value, release: () => (released ??= release()) };
    } catch (error) {
      leave();
      throw error;
    }
  }
}
