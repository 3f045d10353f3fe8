import { formatNumberedEvent, type ModelEntry, type NodeEvent } from '@cortex/protocol';

import { Occurrences } from './fake-exchange.ts';

type WithoutRevision<T> = T extends unknown ? Omit<T, 'revision'> : never;

/** The events of a fake neuron. The test sends each of them to the gateways that follow. */
export class FakeEvents {
  /** Every connection that was opened, in order. */
  readonly connections = new Occurrences<{ end(): void }>();
  readonly #open = new Set<(text: string | undefined) => void>();
  revision = 1000;

  get readerCount(): number {
    return this.#open.size;
  }

  /** Sends a change with the next revision. */
  emit(change: WithoutRevision<NodeEvent>): void {
    this.revision += 1;
    this.send(formatNumberedEvent({ ...change, revision: this.revision }));
  }

  /** Sends any text, such as an event that is damaged or of another revision. */
  send(text: string): void {
    for (const push of this.#open) push(text);
  }

  respond(signal: AbortSignal, models: ModelEntry[]): Response {
    const waiting: (string | undefined)[] = [];
    let wake = Promise.withResolvers<void>();
    const push = (text: string | undefined): void => {
      waiting.push(text);
      wake.resolve();
    };
    const { revision } = this;
    push(formatNumberedEvent({ kind: 'snapshot', revision, draining: false, models, devices: [] }));
    this.#open.add(push);
    const end = (): void => {
      this.#open.delete(push);
      push(undefined);
    };
    signal.addEventListener('abort', end, { once: true });
    this.connections.add({ end });
    async function* body(): AsyncGenerator<string, void> {
      for (;;) {
        while (waiting.length === 0) {
          await wake.promise;
          wake = Promise.withResolvers();
        }
        const text = waiting.shift();
        if (text === undefined) return;
        yield text;
      }
    }
    // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
    return new Response(body(), { headers: { 'content-type': 'text/event-stream' } });
  }
}
