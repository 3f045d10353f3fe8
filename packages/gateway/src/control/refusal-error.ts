import {
  type DecideRefusal,
  type FleetSnapshot,
  isKnownModel,
  nearNames,
  type Refusal,
  type UnderWay,
} from '@cortex/fleet';
import { CortexError, type LoadingState } from '@cortex/protocol';

import { candidatesText, lacksText } from './words.ts';

const NO_NODE_RETRY_S = 3;
const RECOVERING_RETRY_S = 2;
const NO_CAPACITY_RETRY_S = 5;

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
  const lacks = refusal.lacks.length > 0 ? `: ${lacksText(refusal.lacks)}` : '';
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

/** What the error for a refused request says besides the reason. */
export interface RefusedRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly snapshot: FleetSnapshot;
}

type TooLong = Extract<DecideRefusal, { readonly kind: 'waited_too_long' }>;

/** What is under way, as clients read it. */
const toLoading = ({ state, node, progress, etaMs }: UnderWay): LoadingState => ({
  state,
  node,
  progress,
  eta_s: etaMs === undefined ? undefined : Math.ceil(etaMs / 1000),
});

const stillText = ({ state, node }: LoadingState): string =>
  state === 'waking' ? `waiting for ${node} to wake up` : state;

const toSeconds = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : ms / 1000;

/** The error for a request that waited too long, depending on what it waited for. */
function waitedTooLong(refusal: TooLong, { model }: RefusedRequest): CortexError {
  const { waitedFor, underWay, retryInMs, candidates = [] } = refusal;
  switch (waitedFor) {
    case 'load':
    case 'pull':
    case 'wake':
    case 'room': {
      const lacks = candidatesText(candidates);
      const why = lacks === '' ? '' : `: ${lacks}`;
      const loading = underWay
        ? toLoading(underWay)
        : { state: waitedFor === 'room' ? 'waiting for room' : 'loading' };
      return retryInMs === undefined
        ? new CortexError('load_timeout', `${model} was not loaded in time${why}.`, { loading })
        : new CortexError('model_loading', `${model} is still ${stillText(loading)}${why}.`, {
            loading,
            retryAfterS: toSeconds(retryInMs),
          });
    }
    case 'node':
      return new CortexError(
        'no_healthy_node',
        `No node that could have ${model} has answered yet.`,
      );
    case 'seat':
      return new CortexError('queue_full', `No slot for ${model} became free in time.`, {
        retryAfterS: toSeconds(retryInMs),
      });
  }
}

/** The error for a request beyond `max_waiting`. */
function queueFull(
  { waiting, underWay, retryInMs }: Extract<DecideRefusal, { readonly kind: 'queue_full' }>,
  model: string,
): CortexError {
  const loading = underWay && toLoading(underWay);
  const where = loading?.state === 'waking' ? '' : ` on ${loading?.node}`;
  const coming = loading ? `, which is ${stillText(loading)}${where}` : '';
  return new CortexError(
    'queue_full',
    `${waiting} requests are already waiting for ${model}${coming}.`,
    { loading, retryAfterS: toSeconds(retryInMs) },
  );
}

/** Converts a refusal of the fleet into the error for the client (behaviour 17). */
export function refusalError(refusal: DecideRefusal, request: RefusedRequest): CortexError {
  const { model, snapshot } = request;
  switch (refusal.kind) {
    case 'manual':
      return new CortexError(
        'conflict',
        `${model} is loaded only by hand (load = "manual" in models.toml): run "cortex load ${model}".`,
        { param: 'model' },
      );
    case 'not_pulled':
      return new CortexError(
        'no_capacity',
        `No node has the files of ${model}, and queue.auto_pull is off: run "cortex pull ${model}".`,
        { retryAfterS: NO_CAPACITY_RETRY_S },
      );
    case 'too_large':
      return new CortexError(
        'model_not_found',
        `No node can hold ${model}: ${candidatesText(refusal.candidates)}.`,
        { param: 'model' },
      );
    case 'no_room':
      return new CortexError(
        'no_capacity',
        `No node can load ${model} now: ${candidatesText(refusal.candidates)}.`,
        { retryAfterS: NO_CAPACITY_RETRY_S },
      );
    case 'queue_full':
      return queueFull(refusal, model);
    case 'waited_too_long':
      return waitedTooLong(refusal, request);
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
