import { stateTraits } from '@cortex/protocol';

import { classifyUnserved } from './classify-unserved.ts';
import type { DecisionContext, LoadQuestion } from './load-candidates.ts';
import type { Selection } from './select-node.ts';
import type { FleetSnapshot, Replica } from './snapshot.ts';

/** 0 is best: a loaded model answers directly, a model on disk through the probe of the node. */
const rankOf = ({ isReady, status }: Replica): number =>
  isReady ? 0 : stateTraits(status).underWay ? 2 : 1;

/**
 * Chooses a node for a request that only needs the file of a model, such as its tokenizer: a node that has it
 * loaded, else one that has it on disk. Never starts a load, and waits only for nodes that have not answered yet.
 */
export function selectFileHolder(
  snapshot: FleetSnapshot,
  question: LoadQuestion,
  context: DecisionContext,
): Selection {
  const [best] = (snapshot.replicasByModel.get(question.model) ?? [])
    .filter(
      ({ node, isNodeUp, isNodeDraining, onDisk, isReady }) =>
        isNodeUp &&
        !isNodeDraining &&
        (onDisk || isReady) &&
        (question.node === undefined || node === question.node) &&
        !question.tried.includes(node),
    )
    .toSorted((a, b) => rankOf(a) - rankOf(b));
  if (best) return { kind: 'node', replica: best };
  if (snapshot.pendingNodes > 0) return { kind: 'pending' };
  const unserved = classifyUnserved(snapshot, question, context);
  const isAboutLoads =
    unserved.kind === 'load' ||
    unserved.kind === 'loading' ||
    (unserved.kind === 'refused' && unserved.refusal.kind === 'load_failed');
  return isAboutLoads ? { kind: 'refused', refusal: { kind: 'no_file' } } : unserved;
}
