/** A latch that a test opens: waiters continue when `open` is called, without a clock. */
export interface Gate {
  readonly isOpen: boolean;
  readonly opened: Promise<void>;
  open(): void;
}

export function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isOpen = false;
  return {
    get isOpen() {
      return isOpen;
    },
    opened: promise,
    open: () => {
      isOpen = true;
      resolve();
    },
  };
}
