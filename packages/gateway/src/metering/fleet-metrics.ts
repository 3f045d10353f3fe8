import { type FleetSnapshot, type NodeSnapshot, type OpenCircuit } from '@cortex/fleet';
import { createCounterFamily, createGaugeFamily, type Family } from '@cortex/service';

import { NO_NODE } from './request-metrics.ts';

const BYTES_PER_MIB = 2 ** 20;

/** What gauges need in addition to the snapshot. */
export interface FleetActivity {
  inFlight(node: string, model?: string): number;
  waiting(model: string): number;
  circuits(node: string): readonly OpenCircuit[];
  circuitOpens(node: string): number;
  evictions(): ReadonlyMap<string, number>;
}

/** The label of a GPU is its index. */
const deviceLabel = (device: {
  readonly index: number;
  readonly kind?: string | undefined;
}): string => (device.kind === 'cpu' ? 'cpu' : String(device.index));

const gauge = (name: string, help: string, labels: readonly string[]) =>
  createGaugeFamily({ name, help, labels });

/**
 * Gauges of nodes, models and devices, and a counter of nodes. They are rewritten from the snapshot at every scrape, so that no
 * stale series remains.
 */
export class FleetMetrics {
  readonly #inFlight = gauge(
    'cortex_model_in_flight',
    'Requests of this cortex that run on a model.',
    ['model', 'node'],
  );
  readonly #queueDepth = gauge(
    'cortex_model_queue_depth',
    'Requests waiting for a model: on its node, or in cortex (node "none").',
    ['model', 'node'],
  );
  readonly #nodeUp = gauge('cortex_node_up', '1 while the node is up, else 0.', ['node']);
  readonly #avoided = gauge(
    'cortex_model_avoided',
    '1 while requests avoid a model on a node because they failed there, else 0.',
    ['model', 'node'],
  );
  readonly #circuitOpens = createCounterFamily({
    name: 'cortex_circuit_opens_total',
    help: 'Times that requests began to avoid a node, or a model on it, because they failed there.',
    labels: ['node'],
  });
  readonly #evictions = createCounterFamily({
    name: 'cortex_evictions_total',
    help: 'Models unloaded or put to sleep: idle or starved for another model, replaced for new settings.',
    labels: ['reason'],
  });
  readonly #vramUsed = gauge('cortex_device_vram_used_bytes', 'Memory in use on a device.', [
    'node',
    'device',
  ]);
  readonly #vramTotal = gauge('cortex_device_vram_total_bytes', 'Memory of a device.', [
    'node',
    'device',
  ]);
  readonly #utilization = gauge(
    'cortex_device_utilization_ratio',
    'Utilization of a device, 0 to 1.',
    ['node', 'device'],
  );
  readonly #temperature = gauge('cortex_device_temperature_celsius', 'Temperature of a device.', [
    'node',
    'device',
  ]);
  readonly #power = gauge('cortex_device_power_watts', 'Power draw of a device.', [
    'node',
    'device',
  ]);

  readonly #families = [
    this.#inFlight,
    this.#queueDepth,
    this.#nodeUp,
    this.#avoided,
    this.#circuitOpens,
    this.#evictions,
    this.#vramUsed,
    this.#vramTotal,
    this.#utilization,
    this.#temperature,
    this.#power,
  ];

  /** In the order in which they are rendered. */
  readonly families: readonly Family[] = this.#families;

  /** Sets all to their current values. */
  update(snapshot: FleetSnapshot, activity: FleetActivity): void {
    for (const family of this.#families) family.clear();
    for (const node of snapshot.nodes.values()) {
      this.#nodeUp.series([node.name]).value = node.state === 'up' ? 1 : 0;
      this.#circuitOpens.series([node.name]).value = activity.circuitOpens(node.name);
      if (node.state === 'up') this.#updateDevices(node);
    }
    for (const [reason, count] of activity.evictions()) {
      this.#evictions.series([reason]).value = count;
    }
    this.#updateModels(snapshot, activity);
  }

  #updateModels(snapshot: FleetSnapshot, activity: FleetActivity): void {
    const open = new Map([...snapshot.nodes.keys()].map((name) => [name, activity.circuits(name)]));
    for (const [model, replicas] of snapshot.replicasByModel) {
      for (const replica of replicas) {
        if (!replica.isServable) continue;
        const place = [model, replica.node];
        this.#inFlight.series(place).value = activity.inFlight(replica.node, model);
        this.#queueDepth.series(place).value = replica.load?.queueDepth ?? 0;
        const isAvoided = open
          .get(replica.node)
          ?.some((circuit) => circuit.model === undefined || circuit.model === model);
        this.#avoided.series(place).value = isAvoided ? 1 : 0;
      }
    }
    const models = new Set([...snapshot.catalogue.keys(), ...snapshot.replicasByModel.keys()]);
    for (const model of models) {
      const waiting = activity.waiting(model);
      if (waiting > 0) this.#queueDepth.series([model, NO_NODE]).value = waiting;
    }
  }

  #updateDevices(node: NodeSnapshot): void {
    for (const device of node.discovery?.devices ?? []) {
      const labels = [node.name, deviceLabel(device)];
      this.#vramTotal.series(labels).value = device.vram_total_mb * BYTES_PER_MIB;
    }
    for (const device of node.health?.devices ?? []) {
      const labels = [node.name, deviceLabel(device)];
      const { vram_used_mb: usedMb, utilization_pct: pct, temp_c: tempC, power_w: watts } = device;
      if (usedMb !== undefined) this.#vramUsed.series(labels).value = usedMb * BYTES_PER_MIB;
      if (pct !== undefined) this.#utilization.series(labels).value = pct / 100;
      if (tempC !== undefined) this.#temperature.series(labels).value = tempC;
      if (watts !== undefined) this.#power.series(labels).value = watts;
    }
  }
}
