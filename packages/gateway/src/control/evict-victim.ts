import {
  type DecideEvent,
  type EvictionStep,
  type FleetSnapshot,
  keepsTooMuch,
} from '@cortex/fleet';
import { CortexError, toCortexError } from '@cortex/protocol';

import type { NeuronClient } from '../nodes/neuron-client.ts';

interface EvictDeps {
  readonly tell: (event: DecideEvent) => void;
  readonly snapshot: () => FleetSnapshot;
  readonly client: (node: string) => NeuronClient;
  /** Polls the node. Never rejects. */
  readonly poll: (node: string) => Promise<void>;
}

interface PlanOn {
  readonly node: string;
  readonly signal: AbortSignal;
}

/** The node does not have the model any more. */
const GONE: ReadonlySet<string> = new Set(['model_not_found', 'model_not_loaded']);

/**
 * Unloads a victim of a plan, or puts it to sleep, if it is still idle and the load that the plan knew. One that the
 * node cannot put to sleep is unloaded.
 *
 * @returns false if the plan does not hold any more: the victim stays, or keeps more memory asleep than was known
 * @throws CortexError if the node did not decide whether it stays: the same plan would fail again at once
 */
export async function evictVictim(
  deps: EvictDeps,
  plan: PlanOn,
  victim: EvictionStep,
): Promise<boolean> {
  if (victim.by === 'unload') return unload(deps, plan, victim);
  const { node, signal } = plan;
  const { model, ifGeneration } = victim;
  const request = { if_generation: ifGeneration };
  const error = await errorOf(() => deps.client(node).sleep(model, request, signal));
  if (error?.code === 'conflict') return kept(deps, node, model);
  if (error) return unload(deps, plan, victim);
  // What it keeps asleep, only the node knows.
  await deps.poll(node);
  deps.tell({ kind: 'unload_ended', node, model, outcome: 'slept' });
  return !keepsTooMuch(deps.snapshot().nodes.get(node)?.replicas.get(model), victim.keepsMib);
}

async function unload(
  deps: EvictDeps,
  { node, signal }: PlanOn,
  { model, ifGeneration }: EvictionStep,
): Promise<boolean> {
  const { client, tell } = deps;
  const request = { model_id: model, if_idle: true, if_generation: ifGeneration };
  const error = await errorOf(() => client(node).unload(request, signal));
  if (error?.code === 'conflict') return kept(deps, node, model);
  const isGone = error === undefined || GONE.has(error.code);
  tell({ kind: 'unload_ended', node, model, outcome: isGone ? 'unloaded' : 'kept' });
  if (!isGone) throw unloadFailed(model, error);
  return true;
}

/** A victim that stays. The next plan must know what the node knows. */
async function kept({ tell, poll }: EvictDeps, node: string, model: string): Promise<false> {
  tell({ kind: 'unload_ended', node, model, outcome: 'kept' });
  await poll(node);
  return false;
}

async function errorOf(call: () => Promise<unknown>): Promise<CortexError | undefined> {
  try {
    await call();
    return undefined;
  } catch (thrown) {
    return toCortexError(thrown);
  }
}

/** Transient whatever the code: the error says nothing about the model that is to be loaded. */
const unloadFailed = (model: string, error: CortexError): CortexError =>
  new CortexError(error.code, `${model} could not be unloaded to make room: ${error.message}`, {
    ...error.details,
    transient: true,
    cause: error,
  });
