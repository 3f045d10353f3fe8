import { stateTraits } from '@cortex/protocol';

import { isYielding, type Lack, lackFor } from './feasibility.ts';
import { type DecisionContext, loadCandidates, type LoadQuestion } from './load-candidates.ts';
import type { FleetSnapshot, NodeSnapshot, Replica } from './snapshot.ts';

/** Why no node can serve a model now. */
export type Refusal =
  /** No node can ever hold it; `lacks` says what each one lacks. */
  | { readonly kind: 'not_found'; readonly lacks: readonly Lack[] }
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
  /** Nodes that could hold it accept no requests or loads now; `text` follows the name of the node in a sentence. */
  | {
      readonly kind: 'no_capacity';
      readonly obstacles: readonly { readonly node: string; readonly text: string }[];
    }
  /** Every ready replica has failed this request already. */
  | { readonly kind: 'all_tried'; readonly nodes: readonly string[] }
  | { readonly kind: 'too_many_answers'; readonly slots: number }
  /** No up node has the file of the model on disk, and the request does not start loads. */
  | { readonly kind: 'no_file' };

/** What a request for a model without a ready replica waits for, or why it is refused. */
export type Unserved =
  /** A node is loading or pulling the model. */
  | { readonly kind: 'loading'; readonly replica: Replica }
  /** No node has it loaded; these nodes can load it, best first. */
  | { readonly kind: 'load'; readonly nodes: readonly string[] }
  /** Nodes that have not answered yet may have it. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const refused = (refusal: Refusal): Extract<Unserved, { kind: 'refused' }> => ({
  kind: 'refused',
  refusal,
});

/** Why an up node that could hold the model cannot do so now. */
function obstacle(node: NodeSnapshot, replica: Replica | undefined): string {
  if (node.isDraining) return 'is draining';
  if (isYielding(node)) return 'has given its GPUs to other programs for now';
  if (replica && stateTraits(replica.status).serves)
    return `has it loaded but cannot serve it: ${replica.reason ?? 'no reason given'}`;
  return `has it in state "${replica?.status ?? 'unloaded'}"`;
}

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

/** Why no node can load the model now. */
export function refusalOf(
  snapshot: FleetSnapshot,
  question: LoadQuestion,
  context: DecisionContext,
): Refusal {
  const asked = question.node;
  if (asked !== undefined && !snapshot.nodes.has(asked)) {
    const lack: Lack = { node: asked, what: 'node', text: 'is not configured' };
    return { kind: 'not_found', lacks: [lack] };
  }
  const nodes = [...snapshot.nodes.values()].filter(
    ({ name }) => asked === undefined || name === asked,
  );
  const lacks = nodes.flatMap((node) => lackFor(snapshot, node, question.model) ?? []);
  const lacking = new Set(lacks.map(({ node }) => node));
  const feasible = nodes.filter(({ name }) => !lacking.has(name));
  const up = feasible.filter(({ state }) => state === 'up');
  const failure = latestFailure(up, question.model, context);
  if (failure) return failure;
  if (up.length > 0) {
    const obstacles = up.map((node) => ({
      node: node.name,
      text: obstacle(node, node.replicas.get(question.model)),
    }));
    return { kind: 'no_capacity', obstacles };
  }
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
): Exclude<Unserved, { kind: 'load' }> | undefined {
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

/** Called when no ready replica can take the request. This is rare, so it can scan the whole fleet. */
export function classifyUnserved(
  snapshot: FleetSnapshot,
  question: LoadQuestion,
  context: DecisionContext,
): Unserved {
  const present = classifyPresent(snapshot, question);
  if (present) return present;
  const nodes = loadCandidates(snapshot, question, context);
  if (nodes.length > 0) return { kind: 'load', nodes };
  return refused(refusalOf(snapshot, question, context));
}
