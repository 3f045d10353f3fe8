import { type ModelsConfig, type NodeReport } from '@cortex/gateway';

type Profile = ModelsConfig['models'][number];

export interface ModelCheck {
  readonly id: string;
  readonly harness: string;
  /** Nodes that hold the files of the model and have its engine. */
  readonly nodes: readonly string[];
  /** Why no node can serve it; absent where one can. */
  readonly note?: string;
}

/** Which of the nodes that answered can serve the model `profile`. */
export function checkModel(
  { id, harness }: Pick<Profile, 'id' | 'harness'>,
  reports: readonly NodeReport[],
): ModelCheck {
  const answered = reports.filter((report) => report.kind === 'answered');
  const able = answered.filter(({ discovery }) => discovery.harnesses.includes(harness));
  const nodes = able
    .filter(({ models }) =>
      models.some((model) => model.id === id && (model.on_disk || model.status === 'loaded')),
    )
    .map(({ name }) => name);
  if (nodes.length > 0) return { id, harness, nodes };
  if (reports.length === 0) return { id, harness, nodes, note: 'no [[neurons]] are configured' };
  if (answered.length === 0) return { id, harness, nodes, note: 'no neuron answers' };
  if (able.length === 0)
    return { id, harness, nodes, note: `no neuron has the harness ${harness}` };
  return { id, harness, nodes, note: 'no node has its files' };
}
