/** Calls of the operator about model files: download and removal. */
import { type FleetSnapshot, nodeForFiles } from '@cortex/fleet';
import {
  type AdminEstimate,
  type AdminPull,
  type AdminPullCall,
  type AdminRemoved,
  CortexError,
  type LoadModelRequest,
  toCortexError,
  withoutUndefined,
} from '@cortex/protocol';

import type { ModelCall } from './control.ts';
import type { FleetLoop } from './fleet-loop.ts';
import type { NodeConnections } from './node-connections.ts';

interface FileDeps {
  readonly loop: FleetLoop;
  readonly connections: NodeConnections;
}

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
    const { connections, loop } = this.#deps;
    const target = this.#target({ model, node });
    const entry = loop.snapshot.catalogue.get(model);
    const request = withoutUndefined({
      model_id: model,
      source: source ?? entry?.source,
      quant: quant ?? (source === undefined ? entry?.quant : undefined),
      mmproj: entry?.mmproj,
      draft: entry?.draft,
    });
    const pull = await connections.client(target).startPull(request, signal);
    void connections.poll(target);
    return { node: target, pull };
  }

  /** What every node that is up says about a load. */
  async estimate(
    request: LoadModelRequest,
    signal: AbortSignal,
  ): Promise<readonly AdminEstimate[]> {
    const { connections, loop } = this.#deps;
    const up = [...loop.snapshot.nodes.values()].filter(({ state }) => state === 'up');
    return Promise.all(
      up.map(async ({ name: node }): Promise<AdminEstimate> => {
        try {
          const { needMib, fits, missingMib } = await connections
            .client(node)
            .estimate(request, signal);
          return { node, need_mb: needMib, fits, missing_mb: missingMib };
        } catch (error) {
          signal.throwIfAborted();
          return { node, error: toCortexError(error).message };
        }
      }),
    );
  }

  /** The download of the model on a node. */
  async pullReport(
    { model, node }: { readonly model: string; readonly node: string },
    signal: AbortSignal,
  ): Promise<AdminPull> {
    const { connections, loop } = this.#deps;
    assertUp(loop.snapshot, node);
    return { node, pull: await connections.client(node).pullReport(model, signal) };
  }

  /** Removes the files on one node, or on all that have them. */
  async remove({ model, node }: ModelCall, signal: AbortSignal): Promise<AdminRemoved> {
    const { connections, loop } = this.#deps;
    const { snapshot } = loop;
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
    const { state, snapshot } = this.#deps.loop;
    if (node !== undefined) {
      assertUp(snapshot, node);
      return node;
    }
    const best = nodeForFiles(state, model);
    if (best !== undefined) return best;
    const up = [...snapshot.nodes.values()].filter(({ state }) => state === 'up');
    const [only] = up;
    if (only && up.length === 1) return only.name;
    throw chooseNode(
      up.map(({ name }) => name),
      model,
    );
  }
}
