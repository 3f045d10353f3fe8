import QuickLRU from 'quick-lru';

/** The table has at least this many conversations and at most twice as many. The oldest go. */
const MIN_SESSIONS = 5000;
const PAUSES = 3;

interface Session {
  readonly model: string;
  endMs: number;
  /** The last pauses between an answer and the next question, newest last. */
  pauses: readonly number[];
}

/** The pauses of conversations, by their affinity key. */
export class SessionTable {
  readonly #sessions = new QuickLRU<string, Session>({ maxSize: MIN_SESSIONS });

  /** A question of the conversation arrived. */
  asked(key: string, model: string, nowMs: number): void {
    const session = this.#sessions.get(key);
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
    const known = this.#sessions.get(key);
    const pauses = known?.model === model ? known.pauses : [];
    this.#sessions.set(key, { model, endMs: nowMs, pauses });
    return pauses.length > 0 && pauses.every((pauseMs) => pauseMs < holdMs);
  }
}
