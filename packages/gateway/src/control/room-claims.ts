import type { Action } from '@cortex/fleet';
import type { ClaimRequest } from '@cortex/protocol';

import type { NeuronClient } from '../nodes/neuron-client.ts';

/** How long a node keeps a claim that is not told again: three times the interval at which it is. */
const CLAIM_S = 15;

interface ClaimDeps {
  /** The name of this cortex, which no other one has. */
  readonly owner: string;
  readonly client: (node: string) => Pick<NeuronClient, 'claim'>;
  /** Aborts when cortex ends: nodes forget its claims by themselves. */
  readonly signal: AbortSignal;
}

type ActionOf<K extends Action['kind']> = Extract<Action, { readonly kind: K }>;

/** The calls to one node: one runs, and of those that wait for it only the last is worth sending. */
interface NodeCalls {
  next: ClaimRequest | undefined;
}

/** Tells nodes for which model this cortex keeps room there, for the other ones. */
export class RoomClaims {
  readonly #deps: ClaimDeps;
  /** Only of nodes to which a call runs. */
  readonly #calls = new Map<string, NodeCalls>();

  constructor(deps: ClaimDeps) {
    this.#deps = deps;
  }

  take({ node, model, from }: ActionOf<'claim'>): void {
    void this.#tell(node, { owner: this.#deps.owner, model, from: [...from], for_s: CLAIM_S });
  }

  release({ node, model }: ActionOf<'release_claim'>): void {
    void this.#tell(node, { owner: this.#deps.owner, model, from: [], for_s: 0 });
  }

  /** Never rejects. */
  async #tell(node: string, request: ClaimRequest): Promise<void> {
    const running = this.#calls.get(node);
    if (running) {
      running.next = request;
      return;
    }
    const calls: NodeCalls = { next: request };
    this.#calls.set(node, calls);
    while (calls.next) {
      const { next } = calls;
      calls.next = undefined;
      await this.#send(node, next);
    }
    this.#calls.delete(node);
  }

  async #send(node: string, request: ClaimRequest): Promise<void> {
    const { client, signal } = this.#deps;
    try {
      await client(node).claim(request, signal);
    } catch {
      // An older neuron knows no claims, and one that cannot be reached forgets it: a request only waits longer.
    }
  }
}
