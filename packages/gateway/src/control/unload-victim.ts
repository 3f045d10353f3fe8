import type { Action, DecideEvent } from '@cortex/fleet';
import { CortexError, toCortexError } from '@cortex/protocol';

import type { NeuronClient } from '../nodes/neuron-client.ts';

interface UnloadDeps {
  readonly tell: (event: DecideEvent) => void;
  readonly client: (node: string) => NeuronClient;
  /** Polls the node. Never rejects. */
  readonly poll: (node: string) => Promise<void>;
}

type Victim = Extract<Action, { readonly kind: 'load' }>['after'][number];

/** The node does not have the model any more. */
const GONE: ReadonlySet<string> = new Set(['model_not_found', 'model_not_loaded']);

/**
 * Unloads a victim of a plan if it is still idle and the load that the plan knew; false: it stays.
 *
 * @throws CortexError if the node did not decide whether it stays: the same plan would fail again at once
 */
export async function unloadVictim(
  { client, tell, poll }: UnloadDeps,
  { node, controller }: { readonly node: string; readonly controller: AbortController },
  { model, ifGeneration }: Victim,
): Promise<boolean> {
  const request = { model_id: model, if_idle: true, if_generation: ifGeneration };
  const error = await errorOf(() => client(node).unload(request, controller.signal));
  const isGone = error === undefined || GONE.has(error.code);
  tell({ kind: 'unload_ended', node, model, outcome: isGone ? 'unloaded' : 'kept' });
  if (isGone) return true;
  if (error.code !== 'conflict') throw unloadFailed(model, error);
  // The next plan must know what the node knows.
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
