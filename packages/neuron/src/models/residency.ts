import type { LoadModelRequest } from '@cortex/protocol';

/** How long an idle model stays loaded: TTL, pin, and time of the last use. */
export class Residency {
  #ttlMs = 0;
  #isPinned = false;
  #lastUsedMs: number | undefined;
  #lastUsedAt: string | undefined;

  get isPinned(): boolean {
    return this.#isPinned;
  }

  /** ISO 8601; absent before the first use. */
  get lastUsedAt(): string | undefined {
    return this.#lastUsedAt;
  }

  /** TTL and pin are not engine settings, so the last call that sets them wins. */
  keep({ ttl_s: ttlS, pinned }: LoadModelRequest): void {
    if (ttlS !== undefined) this.#ttlMs = ttlS * 1000;
    if (pinned !== undefined) this.#isPinned = pinned;
  }

  /** Call it when a request has ended (behaviour 34). */
  used(): void {
    this.#lastUsedMs = performance.now();
    this.#lastUsedAt = new Date().toISOString();
  }

  /** Milliseconds since the last request ended, or since the load if there was none. */
  idleMs(loadedAtMs: number, nowMs: number): number {
    return nowMs - Math.max(this.#lastUsedMs ?? loadedAtMs, loadedAtMs);
  }

  /** Whether an idle model has exceeded its TTL. */
  isOver(idleMs: number): boolean {
    return this.#ttlMs > 0 && !this.#isPinned && idleMs >= this.#ttlMs;
  }
}
