import {
  type Action,
  type DecideRefusal,
  type FleetSnapshot,
  isKnownModel,
  type Replica,
} from '@cortex/fleet';
import { CortexError, stateTraits } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import { assertNode } from './assert-node.ts';
import type { ModelCall, ModelCallResult, PinCall, PinResult } from './control.ts';
import type { FleetLoop } from './fleet-loop.ts';
import type { LoadCalls } from './load-calls.ts';
import type { NodeConnections } from './node-connections.ts';
import { unknownModel } from './refusal-error.ts';

interface OperatorDeps {
  readonly clock: Clock;
  readonly loop: FleetLoop;
  readonly loads: LoadCalls;
  readonly connections: NodeConnections;
  readonly errorOf: (refusal: DecideRefusal, model: string) => CortexError;
}

type Answered = Extract<Action, { readonly kind: 'operator_answer' }>;

const notSettled = (): CortexError =>
  new CortexError('no_healthy_node', 'Not every node has answered yet.');

/** When a model that is unloaded now is loaded again, if models.toml has it preloaded. */
const unloadNote = ({ catalogue }: FleetSnapshot, model: string): string | undefined =>
  catalogue.get(model)?.preload === true
    ? `models.toml preloads ${model}: it stays unloaded until the next request for it, "cortex load ${model}", or a change of its entry.`
    : undefined;

/** Loads and unloads by the operator, without waiting room and back-off. */
export class OperatorCalls {
  readonly #deps: OperatorDeps;
  readonly #open = new Map<string, (answered: Answered) => void>();
  #count = 0;

  constructor(deps: OperatorDeps) {
    this.#deps = deps;
  }

  /** Loads the model on the best node, or on `node`; resolves when the node has accepted it. */
  async load({ model, node }: ModelCall, signal: AbortSignal): Promise<ModelCallResult> {
    const { loop, loads, errorOf } = this.#deps;
    assertNode(loop.snapshot, node);
    const { answer } = await this.#ask({ model, node }, signal);
    switch (answer.kind) {
      case 'present':
        return { node: answer.node, status: answer.status };
      case 'started': {
        const target = { model, node: answer.node };
        return { node: answer.node, status: await loads.accepted(target) };
      }
      case 'refused':
        throw errorOf(answer.refusal, model);
      case 'pending':
        throw notSettled();
    }
  }

  /** An answer that was decided. */
  answered(answered: Answered): void {
    this.#open.get(answered.callId)?.(answered);
  }

  #ask({ model, node }: ModelCall, signal: AbortSignal): Promise<Answered> {
    this.#count += 1;
    const callId = `op${this.#count}`;
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#open.set(callId, resolve);
    this.#deps.loop.tell({ kind: 'operator_load', callId, model, node });
    return promise.finally(() => {
      this.#open.delete(callId);
      signal.removeEventListener('abort', onAbort);
    });
  }

  async unload(
    { model, node, force }: ModelCall & { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<readonly ModelCallResult[]> {
    const holders = this.#upReplicas(model, node).filter(
      ({ status }) => node !== undefined || stateTraits(status).held,
    );
    const nodes = node === undefined ? holders.map((replica) => replica.node) : [node];
    const { loop } = this.#deps;
    // Told first: a report of the unload would have it preloaded again.
    loop.tell({ kind: 'operator_unload', model });
    const note = unloadNote(loop.snapshot, model);
    const calls = await Promise.allSettled(
      nodes.map(async (name) => {
        const client = this.#deps.connections.client(name);
        const status = await client.unload({ model_id: model, force: force || undefined }, signal);
        this.#applyStatus(name, model, status);
        return { node: name, status, note };
      }),
    );
    const unloaded = calls.flatMap((call) => (call.status === 'fulfilled' ? [call.value] : []));
    // Without a call nothing failed: the model may be unloaded since an earlier one.
    if (unloaded.length === 0 && calls.length > 0)
      loop.tell({ kind: 'operator_unload_failed', model });
    const failed = calls.find((call) => call.status === 'rejected');
    if (failed) throw failed.reason;
    return unloaded;
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
    const { snapshot } = this.#deps.loop;
    assertNode(snapshot, node);
    if (!isKnownModel(snapshot, model)) {
      if (snapshot.pendingNodes > 0) throw notSettled();
      throw unknownModel(model, snapshot);
    }
    return (snapshot.replicasByModel.get(model) ?? []).filter(
      (replica) => replica.isNodeUp && (node === undefined || replica.node === node),
    );
  }

  #applyStatus(node: string, model: string, status: string): void {
    const { loop, connections, clock } = this.#deps;
    loop.tell({ kind: 'model_status', node, model, status, atMs: clock.nowMs() });
    void connections.poll(node);
  }
}
