import type { FleetSnapshot, Replica } from '@cortex/fleet';
import {
  type AdminDrainResult,
  type AdminFreeResult,
  CortexError,
  stateTraits,
  toCortexError,
} from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import { assertNode } from './assert-node.ts';
import type { DrainCall } from './control.ts';
import type { FleetLoop } from './fleet-loop.ts';
import type { NodeConnections } from './node-connections.ts';

interface DrainDeps {
  readonly clock: Clock;
  readonly loop: FleetLoop;
  readonly connections: NodeConnections;
}

/** Drains of nodes for the operator. The nodes keep them; cortex keeps none. */
export class NodeDrains {
  readonly #deps: DrainDeps;

  constructor(deps: DrainDeps) {
    this.#deps = deps;
  }

  /** @throws CortexError `invalid_request` for an unknown node, or the error of the node */
  async drain({ node, draining, forS }: DrainCall, signal: AbortSignal): Promise<AdminDrainResult> {
    const { loop, connections, clock } = this.#deps;
    assertNode(loop.snapshot, node);
    const answer = await connections.client(node).drain({ draining, for_s: forS }, signal);
    loop.tell({
      kind: 'draining_changed',
      node,
      draining: answer.draining,
      atMs: clock.nowMs(),
    });
    void connections.poll(node);
    return { ...answer, node };
  }

  /**
   * Drains the node, then unloads every model that it holds, the pinned ones too; running requests finish first.
   *
   * @throws CortexError as `drain`. A model that cannot be unloaded is in the answer.
   */
  async free(
    { node, forS }: Omit<DrainCall, 'draining'>,
    signal: AbortSignal,
  ): Promise<AdminFreeResult> {
    const { loop, connections } = this.#deps;
    const drained = await this.drain({ node, draining: true, forS }, signal);
    await connections.poll(node);
    const held = heldReplicas(loop.snapshot, node);
    const unloaded: string[] = [];
    const kept: { model: string; reason: string }[] = [];
    await Promise.all(
      held.map(async ({ model }) => {
        try {
          await connections.client(node).unload({ model_id: model }, signal);
          unloaded.push(model);
        } catch (error) {
          signal.throwIfAborted();
          kept.push({ model, reason: toCortexError(error).message });
        }
      }),
    );
    await connections.poll(node);
    const pinned = held.filter(({ isPinned, model }) => isPinned && unloaded.includes(model));
    return {
      ...drained,
      unloaded: unloaded.toSorted(),
      pinned: pinned.map(({ model }) => model).toSorted(),
      kept,
    };
  }
}

/** Models with memory, a process or a load under way. */
function heldReplicas({ nodes }: FleetSnapshot, name: string): readonly Replica[] {
  const node = nodes.get(name);
  if (node?.state !== 'up') {
    throw new CortexError(
      'no_healthy_node',
      `${name} is draining, but no longer answers: its models were not unloaded.`,
    );
  }
  return [...node.replicas.values()].filter(
    ({ status }) => stateTraits(status).held && status !== 'failed',
  );
}
