import { stateTraits } from '@cortex/protocol';

import type { DecisionContext, LoadQuestion } from './decision-context.ts';
import { type NodeLack, permanentLacks } from './feasibility.ts';
import type { FleetSnapshot, NodeSnapshot, Replica } from './snapshot.ts';

/** Why no node can serve a model now. */
export type Refusal =
  /** No node can ever hold it. */
  | { readonly kind: 'not_found'; readonly lacks: readonly NodeLack[] }
  /** Nodes that could hold it are not up; empty: no node is configured. */
  | {
      readonly kind: 'no_healthy_node';
      readonly nodes: readonly { readonly node: string; readonly error?: string | undefined }[];
    }
  | { readonly kind: 'recovering'; readonly node: string }
  | {
      readonly kind: 'load_failed';
      readonly node: string;
      readonly reason: string;
      readonly isTransient: boolean;
      /** Time until the next attempt. */
      readonly retryInMs: number;
    }
  /** Every ready replica has failed this request already. */
  | { readonly kind: 'all_tried'; readonly nodes: readonly string[] }
  | { readonly kind: 'too_many_answers'; readonly slots: number }
  /** No up node has the file of the model on disk, and the request does not start loads. */
  | { readonly kind: 'no_file' };

/** What a request for a model that is present but not ready waits for, or why it is refused. */
export type Present =
  /** A node is loading or pulling the model. */
  | { readonly kind: 'loading'; readonly replica: Replica }
  /** Nodes that have not answered yet may have it. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const refused = (refusal: Refusal): Present => ({ kind: 'refused', refusal });

function latestFailure(
  nodes: readonly NodeSnapshot[],
  model: string,
  context: DecisionContext,
): Refusal | undefined {
  const failed = nodes
    .flatMap((node) => {
      const failure = context.failures.failure(node.name, model);
      return failure ? [{ node: node.name, ...failure }] : [];
    })
    .toSorted((a, b) => a.retryAtMs - b.retryAtMs);
  const [next] = failed;
  if (!next) return undefined;
  return {
    kind: 'load_failed',
    node: next.node,
    reason: next.reason,
    // If one failure can be temporary, the caller can retry.
    isTransient: failed.some(({ isTransient }) => isTransient),
    retryInMs: next.retryAtMs - context.nowMs,
  };
}

/** Why no node can load the model now. Undefined: nodes that could hold it are up, and the placement knows what they lack. */
export function refusalOf(
  snapshot: FleetSnapshot,
  question: LoadQuestion,
  context: DecisionContext,
): Refusal | undefined {
  const asked = question.node;
  if (asked !== undefined && !snapshot.nodes.has(asked)) {
    const lacking = { what: 'node', need: asked, have: 'absent', unit: 'name' } as const;
    return { kind: 'not_found', lacks: [{ node: asked, lacking }] };
  }
  const nodes = [...snapshot.nodes.values()].filter(
    ({ name }) => asked === undefined || name === asked,
  );
  const lacks = permanentLacks(snapshot, nodes, question.model);
  const lacking = new Set(lacks.map(({ node }) => node));
  const feasible = nodes.filter(({ name }) => !lacking.has(name));
  const up = feasible.filter(({ state }) => state === 'up');
  const failure = latestFailure(up, question.model, context);
  if (failure) return failure;
  if (up.length > 0) return undefined;
  const noneHasAnswered = nodes.every(({ hasAnswered }) => !hasAnswered);
  if (feasible.length === 0 && !noneHasAnswered) return { kind: 'not_found', lacks };
  const silent = feasible.length > 0 ? feasible : nodes;
  return {
    kind: 'no_healthy_node',
    nodes: silent.map(({ name, error }) => ({
      node: name,
      error,
    })),
  };
}

/** What a request waits for, or why it is refused, if that does not depend on a new load; else undefined. */
export function classifyPresent(
  snapshot: FleetSnapshot,
  question: LoadQuestion,
): Present | undefined {
  const replicas = (snapshot.replicasByModel.get(question.model) ?? []).filter(
    ({ node, isNodeUp }) => isNodeUp && (question.node === undefined || node === question.node),
  );
  const loading = replicas.find(({ status }) => stateTraits(status).underWay);
  if (loading) return { kind: 'loading', replica: loading };
  const ready = replicas.filter(({ isReady }) => isReady);
  if (ready.length > 0) return refused({ kind: 'all_tried', nodes: ready.map(({ node }) => node) });
  const recovering = replicas.find(({ status }) => status === 'recovering');
  if (recovering) return refused({ kind: 'recovering', node: recovering.node });
  // A node that has not answered yet may have the model ready, and a load elsewhere would be a second one.
  return snapshot.pendingNodes > 0 ? { kind: 'pending' } : undefined;
}
