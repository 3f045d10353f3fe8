import type { Action } from '@cortex/fleet';
import type { ClaimRequest } from '@cortex/protocol';

import type { NeuronClient } from '../nodes/neuron-client.ts';

/** How long a node keeps a claim that is not told again: three times the interval at which it is. */
const CLAIM_S = 15;
/** How long the end of cortex waits for nodes to hear that it claims nothing any more. */
const CLOSE_MS = 1000;

interface ClaimDeps {
  /** The name of this cortex, which no other one has. */
  readonly owner: string;
  readonly client: (node: string) => Pick<NeuronClient, 'claim'>;
}

type ActionOf<K extends Action['kind']> = Extract<Action, { readonly kind: K }>;

/**
 * Tells nodes for which model this cortex keeps room there, for the other ones. A call that fails is forgotten: an older
 * neuron knows no claims, and without them a request only waits longer.
 */
export class RoomClaims {
  readonly #deps: ClaimDeps;
  /** The last call to each node that has a claim: calls arrive in the order of the decisions. */
  readonly #calls = new Map<string, Promise<void>>();
  #signal: AbortSignal = new AbortController().signal;

  constructor(deps: ClaimDeps) {
    this.#deps = deps;
  }

  take({ node, model, from }: ActionOf<'claim'>): void {
    this.#tell(node, { model, from: [...from], for_s: CLAIM_S });
  }

  release({ node, model }: Pick<ActionOf<'release_claim'>, 'node' | 'model'>): void {
    this.#tell(node, { model, from: [], for_s: 0 });
  }

  /** Releases everything. Never rejects. */
  async close(): Promise<void> {
    if (this.#calls.size === 0) return;
    this.#signal = AbortSignal.timeout(CLOSE_MS);
    for (const node of this.#calls.keys()) this.#tell(node, { model: '-', from: [], for_s: 0 });
    const late = Bun.sleep(CLOSE_MS);
    await Promise.race([Promise.all(this.#calls.values()), late]);
  }

  #tell(node: string, claim: Omit<ClaimRequest, 'owner'>): void {
    const { owner, client } = this.#deps;
    const send = async (): Promise<void> => {
      try {
        await client(node).claim({ owner, ...claim }, this.#signal);
      } catch {
        // See above.
      }
      if (claim.for_s === 0 && this.#calls.get(node) === call) this.#calls.delete(node);
    };
    const call = (this.#calls.get(node) ?? Promise.resolve()).then(send);
    this.#calls.set(node, call);
  }
}
