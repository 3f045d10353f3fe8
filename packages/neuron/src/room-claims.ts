import { CortexError, type ClaimRequest, type RoomClaim } from '@cortex/protocol';

/** Gateways that have a claim at the same time. */
const MAX_OWNERS = 100;

interface Claim {
  readonly model: string;
  readonly from: readonly string[];
  /** Monotonic. */
  readonly untilMs: number;
}

/**
 * Room that a gateway keeps for a model that has waited too long (rule 35). The node itself does nothing about it: it
 * tells every gateway, so that none of them keeps the models busy that are to leave. A claim ends by itself.
 */
export class RoomClaims {
  readonly #nowMs: () => number;
  /** By owner, in the order in which they came. */
  readonly #claims = new Map<string, Claim>();

  /** @param nowMs - Monotonic. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  get current(): RoomClaim[] {
    this.#forgetEnded();
    const nowMs = this.#nowMs();
    return [...this.#claims].map(([owner, { model, from, untilMs }]) => ({
      owner,
      model,
      from: [...from],
      remaining_s: (untilMs - nowMs) / 1000,
    }));
  }

  /**
   * Takes, renews or ends the claim of a gateway. A renewed one keeps its place, one for another model begins anew.
   *
   * @throws CortexError `conflict` if too many have one
   */
  take({ owner, model, from, for_s: forS }: ClaimRequest): void {
    this.#forgetEnded();
    if (this.#claims.get(owner)?.model !== model || forS === 0) this.#claims.delete(owner);
    if (forS === 0) return;
    if (!this.#claims.has(owner) && this.#claims.size >= MAX_OWNERS)
      throw new CortexError(
        'conflict',
        `${MAX_OWNERS} gateways keep room on this node already: try again in a minute.`,
      );
    this.#claims.set(owner, { model, from, untilMs: this.#nowMs() + forS * 1000 });
  }

  #forgetEnded(): void {
    const nowMs = this.#nowMs();
    for (const [owner, { untilMs }] of this.#claims)
      if (untilMs <= nowMs) this.#claims.delete(owner);
  }
}
