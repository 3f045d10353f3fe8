import type { FleetSnapshot, Refusal } from '@cortex/fleet';
import { isKnownModel, nearNames } from '@cortex/fleet';
import { CortexError } from '@cortex/protocol';

const NO_NODE_RETRY_S = 3;
const RECOVERING_RETRY_S = 2;
const NO_CAPACITY_RETRY_S = 5;

const sentence = (parts: readonly { readonly node: string; readonly text: string }[]): string =>
  parts.map(({ node, text }) => `${node} ${text}`).join('; ');

function notFound(
  refusal: Extract<Refusal, { kind: 'not_found' }>,
  model: string,
  snapshot: FleetSnapshot,
): CortexError {
  const lacks = refusal.lacks.length > 0 ? `: ${sentence(refusal.lacks)}` : '';
  if (isKnownModel(snapshot, model)) {
    return new CortexError('model_not_found', `No node can serve ${model}${lacks}.`, {
      param: 'model',
    });
  }
  const near = nearNames(model, [
    ...snapshot.catalogue.keys(),
    ...snapshot.replicasByModel.keys(),
    ...snapshot.aliases.exact.keys(),
  ]);
  const hint = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
  return new CortexError(
    'model_not_found',
    `There is no model ${model} in the catalogue or on a node${lacks}.${hint}`,
    { param: 'model' },
  );
}

function noHealthyNode(
  { nodes }: Extract<Refusal, { kind: 'no_healthy_node' }>,
  model: string,
): CortexError {
  const which = nodes.map(({ node, error }) => ({ node, text: error ?? 'has not answered' }));
  const text =
    nodes.length === 0
      ? 'No neuron is configured: add one under [[neurons]] in cortex.toml.'
      : `No node that could serve ${model} is up: ${which.map(({ node, text: why }) => `${node}: ${why}`).join('; ')}`;
  return new CortexError('no_healthy_node', text, { retryAfterS: NO_NODE_RETRY_S });
}

/** Converts a refusal of the fleet into the error for the client (behaviour 17). */
export function refusalError(
  refusal: Refusal,
  model: string,
  snapshot: FleetSnapshot,
): CortexError {
  switch (refusal.kind) {
    case 'not_found':
      return notFound(refusal, model, snapshot);
    case 'no_healthy_node':
      return noHealthyNode(refusal, model);
    case 'recovering':
      return new CortexError(
        'node_recovering',
        `${model} on ${refusal.node} is being restarted after a failure.`,
        { retryAfterS: RECOVERING_RETRY_S },
      );
    case 'load_failed':
      return new CortexError(
        'model_load_failed',
        `${model} could not be loaded on ${refusal.node}: ${refusal.reason}`,
        { transient: refusal.isTransient, retryAfterS: refusal.retryInMs / 1000 },
      );
    case 'no_capacity':
      return new CortexError(
        'no_capacity',
        `No node can serve ${model} now: ${sentence(refusal.obstacles)}.`,
        { retryAfterS: NO_CAPACITY_RETRY_S },
      );
    case 'all_tried':
      return new CortexError(
        'no_capacity',
        `No other node has ${model} ready. This request failed on ${refusal.nodes.join(', ')}.`,
        { retryAfterS: NO_CAPACITY_RETRY_S },
      );
    case 'no_file':
      return new CortexError(
        'no_capacity',
        `No node that is up has the file of ${model}, and a tokenizer route does not load models: load the model first.`,
        { retryAfterS: NO_CAPACITY_RETRY_S },
      );
    case 'too_many_answers':
      break;
  }
  return new CortexError(
    'invalid_request',
    `"n" must not be larger than the ${refusal.slots} slots that ${model} has.`,
    { param: 'n' },
  );
}
