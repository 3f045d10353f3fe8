/**
 * The events of `GET /events` (contracts, section 3): a snapshot, then changes.
 *
 * Every event has a `revision`. Within one answer each revision is one more than the one before. The header
 * `x-neuron-revision` of `GET /models` says up to which change the answer is. A daemon that starts again begins with a
 * higher revision.
 */
import { z } from 'zod';

import { isJsonObject } from './json/json-object.ts';
import { ModelEntry, ModelLoad, NodeHealth } from './neuron.ts';

const revision = z.int();
const { devices, draining } = NodeHealth.shape;

const NodeEventShape = z.discriminatedUnion('kind', [
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

/** An event of a newer neuron. Only its revision counts. */
const UnknownEvent = z.looseObject({ kind: z.literal('unknown'), revision });

const KINDS: ReadonlySet<unknown> = new Set(
  NodeEventShape.options.map(({ shape }) => shape.kind.value),
);

/** The event as a server-sent event, with the blank line that ends it. */
export function formatNodeEvent({ kind, ...data }: NodeEvent): string {
  return `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Reads a server-sent event. @throws Error if its data is not what its name promises */
export function parseNodeEvent(
  name: string | undefined,
  data: string,
): NodeEvent | z.infer<typeof UnknownEvent> {
  const json: unknown = JSON.parse(data);
  const fields = isJsonObject(json) ? json : {};
  if (!KINDS.has(name)) return UnknownEvent.parse({ ...fields, kind: 'unknown' });
  return NodeEventShape.parse({ ...fields, kind: name });
}
