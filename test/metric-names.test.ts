/** The names, types and labels of metrics: dashboards and alerts depend on them, so a change here is a breaking one. */
import { expect, test } from 'bun:test';

import { FleetMetrics } from '../packages/gateway/src/metering/fleet-metrics.ts';
import { RequestMetrics } from '../packages/gateway/src/metering/request-metrics.ts';

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
  cortex_device_vram_used_bytes: ['gauge', ['node', 'device']],
  cortex_device_vram_total_bytes: ['gauge', ['node', 'device']],
  cortex_device_utilization_ratio: ['gauge', ['node', 'device']],
  cortex_device_temperature_celsius: ['gauge', ['node', 'device']],
  cortex_device_power_watts: ['gauge', ['node', 'device']],
};

test('cortex exports exactly these metrics', () => {
  const families = [...new RequestMetrics().families, ...new FleetMetrics().families];

  const found: unknown = Object.fromEntries(
    families.map(({ name, type, labels }) => [name, [type, labels]]),
  );
  expect(found).toEqual({ ...EXPECTED });
});
