import type { Replica } from '../snapshot.ts';

/** Best first. */
const STATUS_ORDER = [
  'loaded',
  'recovering',
  'loading',
  'pulling',
  'draining',
  'unloading',
  'failed',
  'unloaded',
] as const;

/** `loaded` promises a servable replica, so one that cannot serve ranks with the failed. */
const statusOf = (replica: Replica): string =>
  replica.status === 'loaded' && !replica.isServable ? 'failed' : replica.status;

/** The best state among the replicas of one model; `unloaded` without any. A state of a newer neuron does not count. */
export function modelStatus(replicas: readonly Replica[]): string {
  const states = new Set(replicas.map(statusOf));
  return STATUS_ORDER.find((status) => states.has(status)) ?? 'unloaded';
}
