import { isKnownModel, type LoadFailures, type Replica, selectNode } from '@cortex/fleet';
import { CortexError, stateTraits } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import { assertNode } from './assert-node.ts';
import type { ModelCall, ModelCallResult, PinCall, PinResult } from './control.ts';
import type { FleetHolder } from './fleet-holder.ts';
import type { Leases } from './leases.ts';
import { toLoadRequest } from './load-request.ts';
import type { NodeConnections } from './node-connections.ts';
import { refusalError, unknownModel } from './refusal-error.ts';

interface OperatorDeps {
  readonly clock: Clock;
  readonly fleet: FleetHolder;
  readonly leases: Leases;
  readonly connections: NodeConnections;
}

/** Failures do not matter here: the operator decides when to try again. */
const NO_FAILURES: LoadFailures = { failure: () => undefined };

const notSettled = (): CortexError =>
  new CortexError('no_healthy_node', 'Not every node has answered yet.');

/** Loads and unloads by the operator, without waiting room and back-off. */
export class OperatorCalls {
  readonly #deps: OperatorDeps;

  constructor(deps: OperatorDeps) {
    this.#deps = deps;
  }

  async load(call: ModelCall, signal: AbortSignal): Promise<ModelCallResult> {
    const { fleet, connections } = this.#deps;
    const { model } = call;
    const target = this.#loadTarget(call);
    if (target.status === 'loaded') return target;
    const { node } = target;
    const entry = fleet.snapshot.catalogue.get(model);
    const request = toLoadRequest(model, node, entry);
    const status = await connections.client(node).startLoad(request, signal);
    this.#applyStatus(node, model, status);
    return { node, status };
  }

  async unload(
    { model, node, force }: ModelCall & { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<readonly ModelCallResult[]> {
    const holders = this.#upReplicas(model, node).filter(
      ({ status }) => node !== undefined || stateTraits(status).held,
    );
    const nodes = node === undefined ? holders.map((replica) => replica.node) : [node];
    return Promise.all(
      nodes.map(async (name) => {
        const client = this.#deps.connections.client(name);
        const status = await client.unload({ model_id: model, force: force || undefined }, signal);
        this.#applyStatus(name, model, status);
        return { node: name, status };
      }),
    );
  }

  /** Pins the model on `node`, or on every node that has it. The nodes keep the pin. */
  async pin({ model, node, pinned }: PinCall, signal: AbortSignal): Promise<readonly PinResult[]> {
    const holders = this.#upReplicas(model, node).map((replica) => replica.node);
    const nodes = node === undefined ? holders : [node];
    if (nodes.length === 0) {
      throw new CortexError('no_healthy_node', `No node that answers has ${model}.`);
    }
    return Promise.all(
      nodes.map(async (name) => {
        await this.#deps.connections.client(name).pin(model, pinned, signal);
        void this.#deps.connections.poll(name);
        return { node: name, pinned };
      }),
    );
  }

  /** The replicas of a known model on nodes that are up, on `node` where given. */
  #upReplicas(model: string, node: string | undefined): readonly Replica[] {
    const { snapshot } = this.#deps.fleet;
    assertNode(snapshot, node);
    if (!isKnownModel(snapshot, model)) {
      if (snapshot.pendingNodes > 0) throw notSettled();
      throw unknownModel(model, snapshot);
    }
    return (snapshot.replicasByModel.get(model) ?? []).filter(
      (replica) => replica.isNodeUp && (node === undefined || replica.node === node),
    );
  }

  /** The node where the model is loaded or loading, or else the best node to load it. */
  #loadTarget({ model, node }: ModelCall): ModelCallResult {
    const { fleet, leases, clock } = this.#deps;
    const { snapshot } = fleet;
    assertNode(snapshot, node);
    const ready = snapshot.replicasByModel
      .get(model)
      ?.find((replica) => replica.isReady && (node === undefined || replica.node === node));
    if (ready) return { node: ready.node, status: 'loaded' };
    const selection = selectNode(
      snapshot,
      { model, tried: [], weight: 1, node },
      { leases, failures: NO_FAILURES, nowMs: clock.nowMs() },
    );
    switch (selection.kind) {
      case 'loading':
        return { node: selection.replica.node, status: 'loading' };
      case 'load':
        return { node: selection.nodes[0] ?? '', status: 'unloaded' };
      case 'refused':
        throw refusalError(selection.refusal, model, snapshot);
      case 'pending':
      case 'node':
      case 'full':
        break;
    }
    throw notSettled();
  }

  #applyStatus(node: string, model: string, status: string): void {
    const { fleet, connections, clock } = this.#deps;
    fleet.apply({ kind: 'model_status', node, model, status, atMs: clock.nowMs() });
    void connections.poll(node);
  }
}
