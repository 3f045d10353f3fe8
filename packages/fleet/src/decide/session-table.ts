import QuickLRU from 'quick-lru';

import { hashText } from '../rendezvous-hash.ts';

/** The table has at least this many conversations and at most twice as many. The oldest go. */
const MIN_SESSIONS = 5000;
const PAUSES = 3;

interface Session {
  readonly model: string;
  endMs: number;
  /** The last pauses between an answer and the next question, newest last. */
  pauses: readonly number[];
}

/** The pauses of conversations, by the hash of their affinity key and the model. */
export class SessionTable {
  readonly #sessions = new QuickLRU<number, Session>({ maxSize: MIN_SESSIONS });

  /** A question of the conversation arrived. */
  asked(key: string, model: string, nowMs: number): void {
    const session = this.#sessions.get(hashText(key));
    if (!session || session.model !== model || session.endMs === Infinity) return;
    session.pauses = [...session.pauses.slice(1 - PAUSES), nowMs - session.endMs];
    session.endMs = Infinity;
  }

  /** Its answer ended; returns whether its next question is expected within `holdMs`. */
  answered(
    key: string,
    model: string,
    { nowMs, holdMs }: { nowMs: number; holdMs: number },
  ): boolean {
    const hash = hashText(key);
    const known = this.#sessions.get(hash);
    const pauses = known?.model === model ? known.pauses : [];
    this.#sessions.set(hash, { model, endMs: nowMs, pauses });
    return pauses.length > 0 && pauses.every((pauseMs) => pauseMs < holdMs);
  }
}
