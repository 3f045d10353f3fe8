import type { Engine, EngineEvent, GenerateRequest } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { WorkOutcome } from '../harness.ts';

/** The last event of a request whose engine ended without sending one. */
function lostEvent(): EngineEvent {
  return {
    type: 'error',
    code: 'node_recovering',
    message: 'The engine ended during the request.',
  };
}

/**
 * One request at an engine: pulls its events one by one and reports its end.
 *
 * `ended` is called exactly once, when the engine has said `done` or `error`, or has died. After an abort it pulls
 * the remaining events itself.
 */
export class EngineWork {
  readonly #events: AsyncIterator<EngineEvent>;
  readonly #controller = new AbortController();
  readonly #ended: (outcome: WorkOutcome) => void;
  readonly #unlink: () => void;
  #pending: Promise<EngineEvent | undefined> | undefined;
  #isOver = false;
  #isAccepted = false;

  constructor(
    engine: Engine,
    request: GenerateRequest,
    { signal, ended }: { signal: AbortSignal; ended: (outcome: WorkOutcome) => void },
  ) {
    this.#ended = ended;
    const abort = (): void => this.abort();
    signal.addEventListener('abort', abort, { once: true });
    this.#unlink = () => signal.removeEventListener('abort', abort);
    if (signal.aborted) this.#controller.abort();
    this.#events = engine.generate(request, this.#controller.signal)[Symbol.asyncIterator]();
  }

  /** The next event; undefined after the last. Concurrent callers get the same event. */
  next(): Promise<EngineEvent | undefined> {
    this.#pending ??= this.#pull();
    return this.#pending;
  }

  /** Ends the work within one step, in any phase. Idempotent. */
  abort(): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort();
    void this.#drain();
  }

  get isAborted(): boolean {
    return this.#controller.signal.aborted;
  }

  async #drain(): Promise<void> {
    while (!this.#isOver) await this.next();
  }

  async #pull(): Promise<EngineEvent | undefined> {
    if (this.#isOver) return undefined;
    let event: EngineEvent;
    try {
      const result = await this.#events.next();
      event = result.done === true ? lostEvent() : result.value;
    } catch (error) {
      event = {
        type: 'error',
        code: error instanceof CortexError ? error.code : 'internal_error',
        message: error instanceof Error ? error.message : String(error),
      };
    }
    this.#pending = undefined;
    if (event.type === 'accepted') this.#isAccepted = true;
    if (event.type === 'done' || event.type === 'error') this.#finish(event);
    return event;
  }

  #finish(event: Extract<EngineEvent, { type: 'done' | 'error' }>): void {
    this.#isOver = true;
    this.#unlink();
    if (event.type === 'error') {
      this.#ended({ kind: this.#isAccepted ? 'failed' : 'refused' });
    } else if (event.finish.every(({ reason }) => reason === 'cancelled')) {
      this.#ended({ kind: 'cancelled' });
    } else {
      this.#ended({ kind: 'done', busyMs: event.timings.promptMs + event.timings.decodeMs });
    }
  }
}
