import { CortexError } from '@cortex/protocol';

import { Listeners } from './listeners.ts';
import { refuse } from './refusal.ts';

/** Open while the daemon accepts work; closed for good when it shuts down (behaviour 47). */
export interface Gate {
  readonly isOpen: boolean;
  /** @throws CortexError `shutting_down`, a refusal, when closed */
  check(): void;
  close(): void;
  /** Calls `listener` when it closes. */
  onClose(listener: () => void): void;
}

/** Longer than most restarts, shorter than most client timeouts. */
const RESTART_S = 15;

/** An open gate. */
export function createGate(): Gate {
  let isOpen = true;
  const closing = new Listeners();
  return {
    get isOpen() {
      return isOpen;
    },
    check() {
      if (isOpen) return;
      throw refuse(
        new CortexError('shutting_down', 'This node is shutting down.', {
          retryAfterS: RESTART_S,
        }),
      );
    },
    close() {
      isOpen = false;
      closing.call();
    },
    onClose(listener) {
      closing.add(listener);
    },
  };
}
