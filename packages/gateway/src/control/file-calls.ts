/** Calls of the operator about model files: download and removal. */
import { type FleetSnapshot, type LoadFailures, selectNode } from '@cortex/fleet';
import {
  type AdminPull,
  type AdminPullCall,
  type AdminRemoveCall,
  type AdminRemoved,
  CortexError,
  withoutUndefined,
} from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type { ModelCall } from './control.ts';
import type { FleetHolder } from './fleet-holder.ts';
import type { Leases } from './leases.ts';
import type { NodeConnections } from './node-connections.ts';

interface FileDeps {
  readonly clock: Clock;
  readonly fleet: FleetHolder;
  readonly leases: Leases;
  readonly connections: NodeConnections;
}

/** Failures do not matter here: the operator decides when to try again. */
const NO_FAILURES: LoadFailures = { failure: () => undefined };

const chooseNode = (names: readonly string[], model: string): CortexError =>
  new CortexError(
    'invalid_request',
    names.length === 0
      ? 'No node is up.'
      : `Choose the node for ${model}, which cortex does not know yet: ${names.join(', ')}.`,
    { param: 'node' },
  );

function assertUp({ nodes }: FleetSnapshot, node: string): void {
  const found = nodes.get(node);
  if (found?.state === 'up') return;
  const names = [...nodes.keys()].join(', ');
  throw found
    ? new CortexError('no_healthy_node', `${node} is not up.`)
    : new CortexError('invalid_request', `There is no node ${node}. Configured nodes: ${names}.`, {
        param: 'node',
      });
}

export class FileCalls {
  readonly #deps: FileDeps;

  constructor(deps: FileDeps) {
    this.#deps = deps;
  }

  /** Starts the download on the node that the call names, else where a load would go, else on the only node. */
  async pull(
    { model, node, source, quant }: AdminPullCall,
    signal: AbortSignal,
  ): Promise<AdminPull> {
    const { connections, fleet } = this.#deps;
    const target = this.#target({ model, node });
    const entry = fleet.snapshot.catalogue.get(model);
    const request = withoutUndefined({
      model_id: model,
      source: source ?? entry?.source,
      quant: quant ?? (source === undefined ? entry?.quant : undefined),
      mmproj: entry?.mmproj,
    });
    const pull = await connections.client(target).startPull(request, signal);
    void connections.poll(target);
    return { node: target, pull };
  }

  /** The download of the model on a node. */
  async pullReport(
    { model, node }: { readonly model: string; readonly node: string },
    signal: AbortSignal,
  ): Promise<AdminPull> {
    const { connections, fleet } = this.#deps;
    assertUp(fleet.snapshot, node);
    return { node, pull: await connections.client(node).pullReport(model, signal) };
  }

  /** Removes the files on one node, or on all that have them. */
  async remove({ model, node }: AdminRemoveCall, signal: AbortSignal): Promise<AdminRemoved> {
    const { connections, fleet } = this.#deps;
    const { snapshot } = fleet;
    if (node !== undefined) assertUp(snapshot, node);
    const replicas = snapshot.replicasByModel.get(model) ?? [];
    const holders = replicas.filter(
      (replica) =>
        replica.isNodeUp && (node === undefined ? replica.onDisk : replica.node === node),
    );
    if (holders.length === 0) {
      const where = node === undefined ? 'No node that is up has' : `${node} has no`;
      throw new CortexError('model_not_found', `${where} files of ${model}.`);
    }
    const results = await Promise.all(
      holders.map(async ({ node: name }) => {
        const { files, freed_bytes } = await connections.client(name).removeFiles(model, signal);
        void connections.poll(name);
        return { node: name, files, freed_bytes };
      }),
    );
    return { model, results, catalogued: snapshot.catalogue.has(model) };
  }

  #target({ model, node }: ModelCall): string {
    const { fleet, leases, clock } = this.#deps;
    const { snapshot } = fleet;
    if (node !== undefined) {
      assertUp(snapshot, node);
      return node;
    }
    const ready = snapshot.replicasByModel.get(model)?.find((replica) => replica.isReady);
    if (ready) return ready.node;
    const selection = selectNode(
      snapshot,
      { model, tried: [], weight: 1, node },
      { leases, failures: NO_FAILURES, nowMs: clock.nowMs() },
    );
    if (selection.kind === 'load' && selection.nodes[0] !== undefined) return selection.nodes[0];
    if (selection.kind === 'loading') return selection.replica.node;
    const up = [...snapshot.nodes.values()].filter(({ state }) => state === 'up');
    const [only] = up;
    if (only && up.length === 1) return only.name;
    throw chooseNode(
      up.map(({ name }) => name),
      model,
    );
  }
}
