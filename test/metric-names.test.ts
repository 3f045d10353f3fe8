/**
 * The names, types and labels of metrics: dashboards and alerts depend on them, so a change here is a breaking
 * change.
 */
import { expect, test } from 'bun:test';

import { FleetMetrics } from '../packages/gateway/src/metering/fleet-metrics.ts';
import { RequestMetrics } from '../packages/gateway/src/metering/request-metrics.ts';
import { NodeMetrics } from '../packages/neuron/src/api/metrics.ts';
import { type Family } from '../packages/service/src/http/exposition.ts';
import { ProcessMetrics } from '../packages/service/src/http/process-metrics.ts';

const PLACE = ['api', 'model', 'node'];

const EXPECTED: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  cortex_requests_total: ['counter', [...PLACE, 'outcome']],
  cortex_request_duration_seconds: ['histogram', PLACE],
  cortex_time_to_first_token_seconds: ['histogram', PLACE],
  cortex_inter_token_seconds: ['histogram', PLACE],
  cortex_tokens_per_second: ['histogram', PLACE],
  cortex_queue_wait_seconds: ['histogram', PLACE],
  cortex_prompt_tokens_total: ['counter', PLACE],
  cortex_completion_tokens_total: ['counter', PLACE],
  cortex_cached_prompt_tokens_total: ['counter', PLACE],
  cortex_request_errors_total: ['counter', ['code']],
  cortex_cold_starts_total: ['counter', ['model', 'node']],
  cortex_model_load_seconds: ['histogram', ['model', 'node']],
  cortex_retries_total: ['counter', ['model']],
  cortex_model_in_flight: ['gauge', ['model', 'node']],
  cortex_model_queue_depth: ['gauge', ['model', 'node']],
  cortex_node_up: ['gauge', ['node']],
  cortex_model_avoided: ['gauge', ['model', 'node']],
  cortex_circuit_opens_total: ['counter', ['node']],
  cortex_evictions_total: ['counter', ['reason']],
  cortex_device_vram_used_bytes: ['gauge', ['node', 'device']],
  cortex_device_vram_total_bytes: ['gauge', ['node', 'device']],
  cortex_device_utilization_ratio: ['gauge', ['node', 'device']],
  cortex_device_temperature_celsius: ['gauge', ['node', 'device']],
  cortex_device_power_watts: ['gauge', ['node', 'device']],
};

const EXPECTED_OF_A_NODE: typeof EXPECTED = {
  neuron_uptime_seconds: ['gauge', []],
  neuron_draining: ['gauge', []],
  neuron_models: ['gauge', ['state']],
  neuron_model_in_flight: ['gauge', ['model']],
  neuron_model_queue_depth: ['gauge', ['model']],
  neuron_model_slots: ['gauge', ['model']],
  neuron_model_rejected_total: ['counter', ['model', 'code']],
  neuron_model_vram_bytes: ['gauge', ['model']],
  neuron_engine_resident_bytes: ['gauge', ['model']],
  neuron_model_prefill_tokens_per_second: ['gauge', ['model']],
  neuron_model_decode_tokens_per_second: ['gauge', ['model']],
  neuron_engine_batch_sequences: ['histogram', ['model']],
  neuron_engine_longest_step_seconds: ['gauge', ['model']],
  neuron_model_kv_cells_used: ['gauge', ['model']],
  neuron_model_kv_cells: ['gauge', ['model']],
  neuron_engine_drafted_tokens_total: ['counter', ['model']],
  neuron_engine_accepted_tokens_total: ['counter', ['model']],
  neuron_prompt_cache_entries: ['gauge', ['model']],
  neuron_prompt_cache_bytes: ['gauge', ['model']],
  neuron_device_vram_used_bytes: ['gauge', ['device']],
  neuron_device_vram_total_bytes: ['gauge', ['device']],
  neuron_device_utilization_ratio: ['gauge', ['device']],
  neuron_device_temperature_celsius: ['gauge', ['device']],
  neuron_device_power_watts: ['gauge', ['device']],
  neuron_device_energy_joules_total: ['counter', ['device']],
  neuron_device_foreign_bytes: ['gauge', ['device']],
  neuron_device_yielding: ['gauge', ['device']],
};

const EXPECTED_OF_A_PROCESS: typeof EXPECTED = {
  process_cpu_seconds_total: ['counter', []],
  process_resident_memory_bytes: ['gauge', []],
  process_open_fds: ['gauge', []],
  process_start_time_seconds: ['gauge', []],
};

const describeFamilies = (families: readonly Family[]): unknown =>
  Object.fromEntries(families.map(({ name, type, labels }) => [name, [type, labels]]));

test('cortex exports exactly these metrics', () => {
  const families = [
    ...new RequestMetrics().families,
    ...new FleetMetrics().families,
    ...new ProcessMetrics('cortex').families,
  ];

  expect(describeFamilies(families)).toEqual({
    ...EXPECTED,
    ...EXPECTED_OF_A_PROCESS,
    cortex_event_loop_delay_seconds: ['histogram', []],
  });
});

test('neuron exports exactly these metrics', () => {
  const families = [...new NodeMetrics().families, ...new ProcessMetrics('neuron').families];

  expect(describeFamilies(families)).toEqual({
    ...EXPECTED_OF_A_NODE,
    ...EXPECTED_OF_A_PROCESS,
    neuron_event_loop_delay_seconds: ['histogram', []],
  });
});
