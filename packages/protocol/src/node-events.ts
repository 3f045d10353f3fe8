/**
 * The numbered events of `GET /events` of a neuron (contracts, section 3). The header `x-neuron-revision` of
 * `GET /models` says up to which change the answer is.
 */
import { z } from 'zod';

import { ModelEntry, ModelLoad, NodeHealth } from './neuron.ts';
import { numberedEventParser } from './sse/numbered-events.ts';

const revision = z.int();
const { devices, draining } = NodeHealth.shape;

export const NodeEventShape = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('snapshot'),
    revision,
    draining,
    models: z.array(ModelEntry),
    devices,
  }),
  /** A new or changed model. `load` is its entry in `/health`; absent if it is not loaded. */
  z.object({
    kind: z.literal('model'),
    revision,
    model: ModelEntry,
    load: ModelLoad.optional(),
  }),
  /** A model that the node no longer lists. */
  z.object({ kind: z.literal('model_gone'), revision, id: z.string() }),
  /** The readings of all devices, after one of them has changed materially. */
  z.object({ kind: z.literal('devices'), revision, devices }),
  /** The node takes no more loads, or takes them again. */
  z.object({ kind: z.literal('draining'), revision, draining }),
]);

/** One event; `kind` is the name of the server-sent event. */
export type NodeEvent = z.infer<typeof NodeEventShape>;

/** Reads a server-sent event. @throws Error if its data is not what its name promises */
export const parseNodeEvent = numberedEventParser<NodeEvent>(NodeEventShape);
