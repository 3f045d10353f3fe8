/** `GET /metrics`: `/health`, `/models` and the statistics of the engines as Prometheus metrics. */
import type { EngineStats } from '@cortex/engine';
import {
  createCounterFamily,
  createGaugeFamily,
  createHistogramFamily,
  type Family,
  metricsResponse,
} from '@cortex/service';

import type { ModelLifecycle } from '../models/model-lifecycle.ts';
import type { ApiDeps } from './context.ts';

const BYTES_PER_MIB = 2 ** 20;
/** Buckets for the sequences of one step. Few models have more than eight slots. */
const BATCH_BOUNDS = [1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128];

const gauge = (name: string, help: string, labels: readonly string[] = ['model']) =>
  createGaugeFamily({ name, help, labels });
const counter = (name: string, help: string, labels: readonly string[] = ['model']) =>
  createCounterFamily({ name, help, labels });

/** The metrics of a node. They are rebuilt at every scrape, so that an unloaded model leaves no series. */
export class NodeMetrics {
  readonly #uptime = gauge('neuron_uptime_seconds', 'Time since the daemon started.', []);
  readonly #draining = gauge('neuron_draining', '1 while the node takes no new work.', []);
  readonly #models = gauge('neuron_models', 'Models of the node, by state.', ['state']);

  readonly #inFlight = gauge('neuron_model_in_flight', 'Requests in a slot of the model.');
  readonly #queueDepth = gauge(
    'neuron_model_queue_depth',
    'Requests waiting for a slot of the model.',
  );
  readonly #slots = gauge('neuron_model_slots', 'Slots of the model.');
  readonly #rejected = counter(
    'neuron_model_rejected_total',
    'Requests that admission refused, by error code.',
    ['model', 'code'],
  );
  readonly #vram = gauge('neuron_model_vram_bytes', 'GPU memory of the model.');
  readonly #resident = gauge(
    'neuron_engine_resident_bytes',
    'Resident memory of the engine process of the model.',
  );

  readonly #prefillRate = gauge(
    'neuron_model_prefill_tokens_per_second',
    'Moving average of the prefill speed, in tokens per second.',
  );
  readonly #decodeRate = gauge(
    'neuron_model_decode_tokens_per_second',
    'Moving average of the decode speed of one answer, in tokens per second.',
  );
  readonly #batches = createHistogramFamily({
    name: 'neuron_engine_batch_sequences',
    help: 'Sequences per engine step since the model was loaded.',
    labels: ['model'],
    bounds: BATCH_BOUNDS,
  });
  readonly #longestStep = gauge(
    'neuron_engine_longest_step_seconds',
    'Longest step since the model was loaded.',
  );
  readonly #cellsUsed = gauge('neuron_model_kv_cells_used', 'KV cells in use.');
  readonly #cells = gauge('neuron_model_kv_cells', 'KV cells of the model.');
  readonly #drafted = counter(
    'neuron_engine_drafted_tokens_total',
    'Tokens proposed by speculative decoding, since the model was loaded.',
  );
  readonly #accepted = counter(
    'neuron_engine_accepted_tokens_total',
    'Drafted tokens that the model accepted, since it was loaded.',
  );
  readonly #cacheEntries = gauge(
    'neuron_prompt_cache_entries',
    'Conversations in the prompt cache of the model.',
  );
  readonly #cacheBytes = gauge(
    'neuron_prompt_cache_bytes',
    'RAM of the prompt cache of the model.',
  );

  readonly #vramUsed = gauge('neuron_device_vram_used_bytes', 'Memory in use on a device.', [
    'device',
  ]);
  readonly #vramTotal = gauge('neuron_device_vram_total_bytes', 'Memory of a device.', ['device']);
  readonly #utilization = gauge(
    'neuron_device_utilization_ratio',
    'Utilization of a device, 0 to 1.',
    ['device'],
  );
  readonly #temperature = gauge('neuron_device_temperature_celsius', 'Temperature of a device.', [
    'device',
  ]);
  readonly #power = gauge('neuron_device_power_watts', 'Power draw of a device.', ['device']);
  readonly #energy = counter(
    'neuron_device_energy_joules_total',
    'Energy that a device has used: by its own counter, else its power since the daemon started.',
    ['device'],
  );
  readonly #foreign = gauge(
    'neuron_device_foreign_bytes',
    'Memory of a device in use by other programs.',
    ['device'],
  );
  readonly #yielding = gauge(
    'neuron_device_yielding',
    '1 while models leave the device for other programs.',
    ['device'],
  );

  readonly #families = [
    this.#uptime,
    this.#draining,
    this.#models,
    this.#inFlight,
    this.#queueDepth,
    this.#slots,
    this.#rejected,
    this.#vram,
    this.#resident,
    this.#prefillRate,
    this.#decodeRate,
    this.#batches,
    this.#longestStep,
    this.#cellsUsed,
    this.#cells,
    this.#drafted,
    this.#accepted,
    this.#cacheEntries,
    this.#cacheBytes,
    this.#vramUsed,
    this.#vramTotal,
    this.#utilization,
    this.#temperature,
    this.#power,
    this.#energy,
    this.#foreign,
    this.#yielding,
  ];

  /** In rendering order. */
  readonly families: readonly Family[] = this.#families;

  /** Sets the current values. Reads cached state only. */
  update(deps: ApiDeps, nowMs: number): void {
    for (const family of this.#families) family.clear();
    this.#uptime.series([]).value = (nowMs - deps.startedAtMs) / 1000;
    this.#draining.series([]).value = deps.gate.isOpen ? 0 : 1;
    for (const { status } of deps.models.entries(nowMs)) this.#models.series([status]).value += 1;
    for (const lifecycle of deps.models.loaded()) this.#updateModel(deps, lifecycle);
    this.#updateDevices(deps);
  }

  #updateModel({ admission }: ApiDeps, { id, running }: ModelLifecycle): void {
    if (!running) return;
    const seats = admission.report(id);
    this.#inFlight.series([id]).value = seats.inFlight;
    this.#queueDepth.series([id]).value = seats.queueDepth;
    this.#slots.series([id]).value = running.slots;
    if (running.vramMib !== undefined) {
      this.#vram.series([id]).value = running.vramMib * BYTES_PER_MIB;
    }
    for (const [code, count] of Object.entries(seats.rejected)) {
      this.#rejected.series([id, code]).value = count;
    }
    if (running.stats) this.#updateEngine(id, running.stats);
  }

  #updateEngine(id: string, stats: EngineStats): void {
    const { tokSPrefill, tokSDecode, draftedTokens, acceptedTokens, promptCache } = stats;
    this.#resident.series([id]).value = stats.rssMib * BYTES_PER_MIB;
    this.#longestStep.series([id]).value = stats.longestStepMs / 1000;
    this.#cellsUsed.series([id]).value = stats.kvCellsUsed;
    this.#cells.series([id]).value = stats.kvCellsTotal;
    for (const [sequences, steps] of Object.entries(stats.batchSizes)) {
      this.#batches.series([id]).observe(Number(sequences), steps);
    }
    if (tokSPrefill !== undefined) this.#prefillRate.series([id]).value = tokSPrefill;
    if (tokSDecode !== undefined) this.#decodeRate.series([id]).value = tokSDecode;
    if (draftedTokens !== undefined) this.#drafted.series([id]).value = draftedTokens;
    if (acceptedTokens !== undefined) this.#accepted.series([id]).value = acceptedTokens;
    if (promptCache === undefined) return;
    this.#cacheEntries.series([id]).value = promptCache.entries;
    this.#cacheBytes.series([id]).value = promptCache.bytes;
  }

  #updateDevices({ devices, ledger, yielding }: ApiDeps): void {
    for (const gpu of devices.gpus) {
      const device = [String(gpu.index)];
      this.#vramTotal.series(device).value = gpu.totalMib * BYTES_PER_MIB;
      const usedMib = ledger.usedMib(gpu);
      if (usedMib !== undefined) this.#vramUsed.series(device).value = usedMib * BYTES_PER_MIB;
      if (gpu.utilizationPct !== undefined) {
        this.#utilization.series(device).value = gpu.utilizationPct / 100;
      }
      if (gpu.tempC !== undefined) this.#temperature.series(device).value = gpu.tempC;
      if (gpu.powerW !== undefined) this.#power.series(device).value = gpu.powerW;
      if (gpu.energyJ !== undefined) this.#energy.series(device).value = gpu.energyJ;
      const foreignMib = ledger.foreignMib(gpu);
      if (foreignMib !== undefined) this.#foreign.series(device).value = foreignMib * BYTES_PER_MIB;
      this.#yielding.series(device).value = Number(yielding.isYielding(gpu.index));
    }
  }
}

/** `GET /metrics` */
export function metrics(deps: ApiDeps): () => Response {
  const nodeMetrics = new NodeMetrics();
  return () => {
    nodeMetrics.update(deps, performance.now());
    deps.processMetrics.update();
    return metricsResponse([...nodeMetrics.families, ...deps.processMetrics.families]);
  };
}
