import { type ModelsConfig, type NodeReport } from '@cortex/gateway';
import type { ModelEntry } from '@cortex/protocol';

/** The node's own engine, which a model gets that names none. */
const OWN_ENGINE = 'llama';

type Profile = ModelsConfig['models'][number];

export interface ModelCheck {
  readonly id: string;
  readonly harness: string;
  /** Nodes that hold the files of the model and have its engine. */
  readonly nodes: readonly string[];
  /** Why no node can serve it; absent where one can. */
  readonly note?: string;
}

/** Whether the node can serve the model without being told a harness: it has the file, or one of its servers lists it. */
const serves = (model: ModelEntry, id: string): boolean =>
  model.id === id && (model.on_disk || model.status === 'loaded' || model.harness !== OWN_ENGINE);

/** Which of the nodes that answered can serve the model `profile`. */
export function checkModel(
  { id, harness = OWN_ENGINE }: Pick<Profile, 'id' | 'harness'>,
  reports: readonly NodeReport[],
): ModelCheck {
  const answered = reports.filter((report) => report.kind === 'answered');
  const able = answered.filter(({ discovery }) => discovery.harnesses.includes(harness));
  const nodes = able
    // A server of its own may have the model without a file on the node.
    .filter(({ models }) => harness !== OWN_ENGINE || models.some((model) => serves(model, id)))
    .map(({ name }) => name);
  if (nodes.length > 0) return { id, harness, nodes };
  if (reports.length === 0) return { id, harness, nodes, note: 'no [[neurons]] are configured' };
  if (answered.length === 0) return { id, harness, nodes, note: 'no neuron answers' };
  if (able.length === 0)
    return { id, harness, nodes, note: `no neuron has the harness ${harness}` };
  return { id, harness, nodes, note: 'no node has its files' };
}
