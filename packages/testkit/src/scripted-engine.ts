import type { Engine, EngineCapability } from '@cortex/engine';

/** A latch that a test opens: what waits on it goes on when `open` is called, without a clock. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** What the scripted engine answers to one request. */
export interface ScriptedAnswer {
  /** One item a piece, one piece a step. */
  readonly pieces: readonly string[];
  /** Like `pieces`, before them, as reasoning text. */
  readonly reasoning?: readonly string[];
  /** Step `n` (0-based over reasoning and pieces) waits for `gates[n]`. */
  readonly gates?: Readonly<Record<number, Gate>>;
  /** Ends with this instead of `done`, after the pieces. */
  readonly error?: { readonly code: string; readonly message: string };
}

export interface ScriptedEngineOptions {
  readonly slots?: number;
  readonly contextTokens?: number;
  readonly capabilities?: readonly EngineCapability[];
}

/** An engine without a model: answers as told, keeps every rule of the interface. */
export function createScriptedEngine(_options: ScriptedEngineOptions = {}): Engine {
  throw new Error('not yet');
}
