import { createJoinToken, formatJoinToken, type JoinToken } from '@cortex/service';

/** How long a join token is valid: time to walk to the other machine. */
export const JOIN_TOKEN_S = 3600;
/** Tokens that are valid at the same time; a further one replaces the oldest. */
const MAX_TOKENS = 100;

/** The join tokens that have been neither used nor forgotten. They are kept in memory only: a restart ends them. */
export class JoinTokens {
  /** By id, the oldest first. */
  readonly #issued = new Map<string, { readonly token: JoinToken; readonly endsMs: number }>();
  readonly #nowMs: () => number;

  /** @param nowMs - Monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Creates a token. @returns its text */
  issue(): string {
    const nowMs = this.#nowMs();
    for (const [id, { endsMs }] of this.#issued) if (endsMs <= nowMs) this.#issued.delete(id);
    const [oldest] = this.#issued.keys();
    if (oldest !== undefined && this.#issued.size >= MAX_TOKENS) this.#issued.delete(oldest);
    const token = createJoinToken();
    this.#issued.set(token.id, { token, endsMs: nowMs + JOIN_TOKEN_S * 1000 });
    return formatJoinToken(token);
  }

  /** The valid token with this id; undefined if there is none. */
  find(id: string): JoinToken | undefined {
    const issued = this.#issued.get(id);
    return issued !== undefined && issued.endsMs > this.#nowMs() ? issued.token : undefined;
  }

  /** Ends the token. */
  use({ id }: JoinToken): void {
    this.#issued.delete(id);
  }
}
