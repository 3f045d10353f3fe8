import type { Engine } from '../engine/engine.ts';
import type { EngineEvent, GenerateRequest } from '../engine/generate.ts';
import { formatDone, formatFailure, toErrorEvent } from '../protocol/index.ts';
import type { StepBatch } from './step-batch.ts';

/** Engine side of one `generate`: pulls the engine's events while there is credit. */
export class ServedRequest {
  readonly #request: GenerateRequest;
  readonly #batch: StepBatch;
  readonly #abort = new AbortController();
  #credit: number;
  #wake: (() => void) | undefined;

  constructor(request: GenerateRequest, credit: number, batch: StepBatch) {
    this.#request = request;
    this.#credit = credit;
    this.#batch = batch;
  }

  cancel(): void {
    this.#abort.abort();
    this.#wake?.();
  }

  addCredit(items: number): void {
    this.#credit += items;
    if (this.#credit > 0) this.#wake?.();
  }

  /** Runs until the last event is sent. Never throws; an exception of the engine becomes `error`. */
  async run(engine: Engine): Promise<void> {
    const { id } = this.#request;
    const last = await this.#relay(engine).catch(toErrorEvent);
    this.#batch.last(
      last.type === 'done'
        ? formatDone(id, last)
        : { kind: 'error', id, code: last.code, message: last.message, param: last.param },
    );
  }

  async #relay(engine: Engine): Promise<Extract<EngineEvent, { type: 'done' | 'error' }>> {
    const { signal } = this.#abort;
    for await (const event of engine.generate(this.#request, signal)) {
      switch (event.type) {
        case 'accepted':
          this.#batch.accepted({
            kind: 'accepted',
            id: this.#request.id,
            prompt_tokens: event.promptTokens,
          });
          break;
        case 'items':
          // The items of a cancelled request are not read, and there may be no credit for them.
          if (signal.aborted) break;
          this.#batch.items(this.#request.id, event.items, event.stepMs);
          this.#credit -= event.items.length;
          if (this.#credit <= 0) await this.#nextCredit();
          break;
        case 'done':
        case 'error':
          return event;
      }
    }
    throw new Error('the engine ended a request without its last event');
  }

  #nextCredit(): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

/** `error` for a request that could not be read. */
export function refusal(id: string, thrown: unknown): object {
  return { kind: 'error', id, ...formatFailure(thrown) };
}
