/** Routes that read. They answer from cached state and never wait for a disk, a driver or an engine. */
import {
  CortexError,
  type Discovery,
  type ModelLoad,
  NEURON_HEADERS,
  type NodeHealth,
  type NodeVersion,
} from '@cortex/protocol';

import { BUILD } from '@cortex/service';

import type { DeviceMonitor } from '../devices/device-monitor.ts';
import type { ModelLifecycle } from '../models/model-lifecycle.ts';
import { unknownModel } from '../models/models.ts';
import type { ApiContext, ApiDeps } from './context.ts';
import { PRODUCT_VERSION } from '../version.ts';

/** `GET /version` */
export function version({ harnesses }: ApiDeps): NodeVersion {
  return {
    version: PRODUCT_VERSION,
    ...(BUILD && { commit: BUILD.commit, built_at: BUILD.date }),
    runtime: `bun ${Bun.version}`,
    engines: Object.fromEntries(
      harnesses.all.flatMap((harness) => {
        const engineVersion = harness.health().version;
        return engineVersion === undefined ? [] : [[harness.name, engineVersion]];
      }),
    ),
  };
}

/**
 * The CPU as a device. Its memory is the share of RAM that models may use. Its index is not the index of any GPU,
 * so that it stays the same when GPUs appear and disappear.
 */
const CPU_INDEX = -1;

/** `GET /discovery` */
export function discovery({
  devices,
  cpuMemoryMib,
  harnesses,
}: {
  readonly devices: DeviceMonitor;
  /** RAM that all models together may use, MiB. */
  readonly cpuMemoryMib: number;
  readonly harnesses: readonly string[];
}): Discovery {
  const { host } = devices;
  const driverVersion = devices.gpus.find((gpu) => gpu.driverVersion !== undefined)?.driverVersion;
  return {
    hostname: host.hostname,
    os: host.os,
    kernel: host.kernel,
    arch: host.arch,
    cpu: host.cpu,
    ram_total_mb: host.ramTotalMib,
    cuda_version: devices.cudaVersion,
    driver_version: driverVersion,
    gpu_unavailable_reason: devices.unavailableReason,
    storage: devices.storage.map(({ path, freeMib, totalMib }) => ({
      path,
      free_mb: freeMib,
      total_mb: totalMib,
    })),
    devices: [
      ...devices.gpus.map((gpu) => ({
        index: gpu.index,
        uuid: gpu.uuid,
        name: gpu.name,
        kind: gpu.kind,
        vram_total_mb: gpu.totalMib,
        compute_capability: gpu.computeCapability,
      })),
      { index: CPU_INDEX, name: host.cpu.model, kind: 'cpu', vram_total_mb: cpuMemoryMib },
    ],
    harnesses: [...harnesses],
  };
}

/** The entry of a loaded model in `/health`. */
export function modelLoad(
  { admission }: Pick<ApiDeps, 'admission'>,
  { id, running }: Pick<ModelLifecycle, 'id' | 'running'>,
): ModelLoad {
  const seats = admission.report(id);
  const stats = running?.stats;
  return {
    id,
    in_flight: seats.inFlight,
    queue_depth: seats.queueDepth,
    max_in_flight: running?.slots ?? 0,
    max_queue_depth: seats.maxQueueDepth,
    rejected: seats.rejected,
    progress: running?.progress,
    tok_s_prefill: stats?.tokSPrefill,
    tok_s_decode: stats?.tokSDecode,
    kv_cells_used: stats?.kvCellsUsed,
    kv_cells_total: stats?.kvCellsTotal,
  };
}

const vramMembers = (totalMib: number, usedMib: number | undefined) => ({
  vram_used_mb: usedMib === undefined ? undefined : Math.round(usedMib),
  vram_free_mb: usedMib === undefined ? undefined : Math.max(0, Math.floor(totalMib - usedMib)),
});

/** The readings of the devices in `/health`. */
export function deviceLoads({
  devices,
  ledger,
  yielding,
}: Pick<ApiDeps, 'devices' | 'ledger' | 'yielding'>): NodeHealth['devices'] {
  const { totalMib, usedMib } = ledger.cpu;
  const cpu = {
    index: CPU_INDEX,
    kind: 'cpu',
    vram_used_mb: Math.ceil(usedMib),
    vram_free_mb: Math.max(0, Math.floor(totalMib - usedMib)),
  };
  const gpus = devices.gpus.map((gpu) => ({
    index: gpu.index,
    kind: gpu.kind,
    ...vramMembers(gpu.totalMib, ledger.usedMib(gpu)),
    vram_reserved_mb: Math.round(ledger.reservedMib(gpu)),
    utilization_pct: gpu.utilizationPct,
    temp_c: gpu.tempC,
    power_w: gpu.powerW,
    energy_j: gpu.energyJ === undefined ? undefined : Math.round(gpu.energyJ),
    foreign_mb: ledger.foreignMib(gpu),
    yielding: yielding.isYielding(gpu.index) ? true : undefined,
  }));
  return [...gpus, cpu];
}

/** Whether the node takes no loads, because of an operator or because it shuts down. */
export const isDraining = ({ gate, drain }: Pick<ApiDeps, 'gate' | 'drain'>): boolean =>
  drain.isActive || !gate.isOpen;

/** `GET /models`: every model on disk, loaded or failed. */
export function listModels({ models, events }: ApiDeps) {
  return (context: ApiContext): Response =>
    context.json(models.entries(performance.now()), 200, {
      [NEURON_HEADERS.revision]: String(events.revision),
    });
}

/** `GET /health` */
export function health(deps: ApiDeps): NodeHealth {
  const activation = deps.activation.report();
  return {
    uptime_secs: Math.floor((performance.now() - deps.startedAtMs) / 1000),
    ready: deps.gate.isOpen && activation.state === 'ready',
    draining: isDraining(deps),
    drain_remaining_s: deps.drain.remainingS,
    claims: deps.claims.current,
    activation,
    devices: deviceLoads(deps),
    models: deps.models.loaded().map((lifecycle) => modelLoad(deps, lifecycle)),
    harnesses: deps.harnesses.available.map((harness) => {
      const { ok, lifecycleCycles } = harness.health();
      return {
        name: harness.name,
        ok,
        lifecycle_cycles: lifecycleCycles,
      };
    }),
  };
}

/**
 * `GET /models/{id}/capabilities`: from the engine for a loaded model, from the probe for one on disk.
 *
 * It waits for neither: a file that was never inspected answers 503 `model_loading`, and a later call has the answer.
 */
export function capabilities({ models }: ApiDeps) {
  return (context: ApiContext): Response =>
    context.json({ capabilities: models.capabilities(context.req.param('id') ?? '') });
}

/** `GET /models/{id}/endpoint` */
export function endpoint({ models }: ApiDeps) {
  return (context: ApiContext): Response => {
    const id = context.req.param('id') ?? '';
    const lifecycle = models.get(id);
    if (!lifecycle) throw unknownModel(id);
    const url = lifecycle.loaded?.harness.inferenceEndpoint(id);
    if (url === undefined) throw new CortexError('model_not_loaded', `${id} is not loaded.`);
    return context.json({ url });
  };
}

/** `GET /models/{id}/logs`: the last lines of the engine's output, oldest first. */
export function logs({ models, logs: modelLogs }: ApiDeps) {
  return (context: ApiContext): Response => {
    const id = context.req.param('id') ?? '';
    const lines = modelLogs.tail(id);
    if (lines.length === 0 && !models.get(id)) throw unknownModel(id);
    return context.json({ lines });
  };
}
