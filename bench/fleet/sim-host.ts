/** The hosts of a simulation, and what runs on them. */
import type { Conversation, SimModel, SimNode, Turn } from './scenario.ts';

/** Ending a process, and starting one. */
export const UNLOAD_MS = 300;
export const START_MS = 1000;
/** Requests that a node queues beyond its slots. */
export const QUEUE_DEPTH = 8;

export interface Running {
  readonly id: string;
  readonly conversation: Conversation;
  readonly turn: number;
  readonly arrivedMs: number;
}

export interface SimReplica {
  readonly model: SimModel;
  status: 'loading' | 'loaded';
  /** Tells loads of the same model apart. */
  readonly load: number;
  readonly running: Set<string>;
  readonly queue: Running[];
  /** Conversations whose prefix is in the cache. */
  readonly prefixes: Set<string>;
}

export interface SimHost {
  readonly node: SimNode;
  isUp: boolean;
  foreignMib: number;
  slowness: number;
  readonly replicas: Map<string, SimReplica>;
}

/** @throws if the conversation has no such turn */
export const turnOf = ({ turns }: Conversation, index: number): Turn => {
  const turn = turns[index];
  if (!turn) throw new Error(`there is no turn ${index}`);
  return turn;
};

/** MiB of all models on the host, loading ones included. */
export const heldMib = ({ replicas }: SimHost): number =>
  [...replicas.values()].reduce((sum, { model }) => sum + model.sizeMib, 0);

/** Another program takes what is free, and what idle models give (behaviour 36a). Returns the models that left. */
export function takeMemory(host: SimHost, mib: number): readonly string[] {
  const gone: string[] = [];
  for (const [model, { status, running, queue }] of host.replicas) {
    if (host.node.vramMib - mib >= heldMib(host)) break;
    if (status !== 'loaded' || running.size + queue.length > 0) continue;
    host.replicas.delete(model);
    gone.push(model);
  }
  host.foreignMib = Math.min(mib, host.node.vramMib - heldMib(host));
  return gone;
}
