import { stateTraits } from '@cortex/protocol';

import { classifyPresent, type Refusal, refusalOf } from './classify-unserved.ts';
import type { DecisionContext, LoadQuestion } from './decision-context.ts';
import type { FleetSnapshot, Replica } from './snapshot.ts';

/** 0 is best: a loaded model answers directly, a model on disk through the probe of the node. */
const rankOf = ({ isReady, status }: Replica): number =>
  isReady ? 0 : stateTraits(status).underWay ? 2 : 1;

/** The node with the file, what the request waits for, or why there is none. */
export type FileHolder =
  | { readonly kind: 'node'; readonly replica: Replica }
  | { readonly kind: 'pending' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/**
 * Chooses a node for a request that only needs the file of a model, such as its tokenizer: a node that has it
 * loaded, else one that has it on disk; one that fails requests comes last. Never starts a load, and waits only for nodes
 * that have not answered yet.
 */
export function selectFileHolder(
  snapshot: FleetSnapshot,
  question: LoadQuestion,
  context: DecisionContext,
): FileHolder {
  const avoided = (replica: Replica): number => Number(context.isAvoided?.(replica) === true);
  const [best] = (snapshot.replicasByModel.get(question.model) ?? [])
    .filter(
      ({ node, isNodeUp, isNodeDraining, onDisk, isReady }) =>
        isNodeUp &&
        !isNodeDraining &&
        (onDisk || isReady) &&
        (question.node === undefined || node === question.node) &&
        !question.tried.includes(node),
    )
    .toSorted((a, b) => avoided(a) - avoided(b) || rankOf(a) - rankOf(b));
  if (best) return { kind: 'node', replica: best };
  if (snapshot.pendingNodes > 0) return { kind: 'pending' };
  const present = classifyPresent(snapshot, question);
  if (present?.kind === 'refused') return present;
  const refusal = present ? undefined : refusalOf(snapshot, question, context);
  // That a load failed says no more than that no node has the file.
  const isAboutLoads = refusal === undefined || refusal.kind === 'load_failed';
  return { kind: 'refused', refusal: isAboutLoads ? { kind: 'no_file' } : refusal };
}
