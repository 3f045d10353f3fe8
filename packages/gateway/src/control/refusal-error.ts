import type { FleetSnapshot, Refusal } from '@cortex/fleet';
import { isKnownModel, nearNames } from '@cortex/fleet';
import { CortexError } from '@cortex/protocol';

const NO_NODE_RETRY_S = 3;
const RECOVERING_RETRY_S = 2;
const NO_CAPACITY_RETRY_S = 5;

const sentence = (parts: readonly { readonly node: string; readonly text: string }[]): string =>
  parts.map(({ node, text }) => `${node} ${text}`).join('; ');

/** The error for a name that no model and no alias has. */
export function unknownModel(model: string, snapshot: FleetSnapshot): CortexError {
  const { catalogue, replicasByModel, aliases, nodes } = snapshot;
  const names = [...catalogue.keys(), ...replicasByModel.keys(), ...aliases.exact.keys()];
  const near = nearNames(model, names).map((name) => JSON.stringify(name));
  const silent = [...nodes.values()].filter(({ hasAnswered }) => !hasAnswered);
  const at = model.lastIndexOf('@');
  const isOnUnknownNode = at > 0 && isKnownModel(snapshot, model.slice(0, at));
  const parts = [
    isOnUnknownNode
      ? `There is no node ${JSON.stringify(model.slice(at + 1))}: the nodes are ${[...nodes.keys()].join(', ')}.`
      : `No model is named ${JSON.stringify(model)}.`,
    near.length > 0 && `Did you mean ${near.join(' or ')}?`,
    silent.length > 0 &&
      `Models of ${silent.map(({ name }) => name).join(', ')} are not known: no answer yet.`,
    names.length > 0
      ? '"cortex models" and GET /v1/models list all names.'
      : 'There are no models yet: put a GGUF file into the models folder of a node, or add [[models]] to models.toml.',
  ];
  return new CortexError('model_not_found', parts.filter(Boolean).join(' '), { param: 'model' });
}

function notFound(
  refusal: Extract<Refusal, { kind: 'not_found' }>,
  model: string,
  snapshot: FleetSnapshot,
): CortexError {
  if (!isKnownModel(snapshot, model)) return unknownModel(model, snapshot);
  const lacks = refusal.lacks.length > 0 ? `: ${sentence(refusal.lacks)}` : '';
  return new CortexError('model_not_found', `No node can serve ${model}${lacks}.`, {
    param: 'model',
  });
}

function noHealthyNode(
  { nodes }: Extract<Refusal, { kind: 'no_healthy_node' }>,
  model: string,
): CortexError {
  const reasons = nodes.map(({ node, error = `${node} has not answered` }) => {
    const reason = error.replace(/\.$/, '');
    // Most errors begin with the name of their node.
    return reason.includes(node) ? reason : `${node}: ${reason}`;
  });
  const text =
    nodes.length === 0
      ? 'No neuron is configured: add one under [[neurons]] in cortex.toml.'
      : `No node that could serve ${model} is up: ${reasons.join('; ')}.`;
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
