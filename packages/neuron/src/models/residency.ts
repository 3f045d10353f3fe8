import type { LoadModelRequest } from '@cortex/protocol';

/** How long a model stays without being asked: TTL, pin, and when it was used last. */
export class Residency {
  #ttlMs = 0;
  #isPinned = false;
  #lastUsedMs: number | undefined;
  #lastUsedAt: string | undefined;

  get isPinned(): boolean {
    return this.#isPinned;
  }

  /** ISO 8601, for people; absent before the first use. */
  get lastUsedAt(): string | undefined {
    return this.#lastUsedAt;
  }

  /** TTL and pin are no settings of the engine: the last call that names them counts. */
  keep({ ttl_s: ttlS, pinned }: LoadModelRequest): void {
    if (ttlS !== undefined) this.#ttlMs = ttlS * 1000;
    if (pinned !== undefined) this.#isPinned = pinned;
  }

  /** A request for it has ended (behaviour 34). */
  used(): void {
    this.#lastUsedMs = performance.now();
    this.#lastUsedAt = new Date().toISOString();
  }

  /** Milliseconds since the last request ended, or since the load where none came after it. */
  idleMs(loadedAtMs: number, nowMs: number): number {
    return nowMs - Math.max(this.#lastUsedMs ?? loadedAtMs, loadedAtMs);
  }

  /** Whether an idle model has outstayed its TTL. */
  isOver(idleMs: number): boolean {
    return this.#ttlMs > 0 && !this.#isPinned && idleMs >= this.#ttlMs;
  }
}
