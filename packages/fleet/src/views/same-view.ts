import type { AdminModel, AdminNode } from '@cortex/protocol';

/** Differences of the used memory that matter to somebody who watches a node; smaller ones are noise. */
const NOISE_MB = 64;

type Device = AdminNode['devices'][number];

function isSameDevice(
  { vram_used_mb: usedBefore = 0, ...before }: Device,
  { vram_used_mb: usedNow = 0, ...now }: Device,
): boolean {
  return Math.abs(usedBefore - usedNow) <= NOISE_MB && Bun.deepEquals(before, now);
}

const withoutCounts = ({
  in_flight: _inFlight,
  drain_remaining_s: _remaining,
  devices: _devices,
  avoided,
  ...node
}: AdminNode): unknown => ({ ...node, avoided: avoided?.map(({ model }) => model) });

/** Whether two entries of a node differ only in requests in flight, in the time that passes, and in noise. */
export const isSameNodeView = (before: AdminNode, now: AdminNode): boolean =>
  before.devices.length === now.devices.length &&
  now.devices.every((device, index) => {
    const known = before.devices[index];
    return known !== undefined && isSameDevice(known, device);
  }) &&
  Bun.deepEquals(withoutCounts(before), withoutCounts(now));

/** A replica without what changes with every request, and with time. */
function lasting({ node, model }: AdminModel['replicas'][number]): unknown {
  const { idle_ms: _idle, age_ms: _age, last_used_at: _used, eta_s: _eta, ...entry } = model;
  return { node, entry };
}

/** Whether two entries of a model differ only in requests that run or wait, and in the time that passes. */
export function isSameModelView(before: AdminModel, now: AdminModel): boolean {
  const { waiting: _before, replicas: replicasBefore, ...restBefore } = before;
  const { waiting: _now, replicas: replicasNow, ...restNow } = now;
  return (
    Bun.deepEquals(restBefore, restNow) &&
    Bun.deepEquals(replicasBefore.map(lasting), replicasNow.map(lasting))
  );
}
