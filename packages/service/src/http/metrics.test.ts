import { expect, test } from 'bun:test';

import { Histogram, LATENCY_BUCKETS_S, metricsResponse, Registry } from './metrics.ts';

test('histograms render their buckets as Prometheus text', async () => {
  const registry = new Registry();
  const histogram = new Histogram({
    name: 'cortex_test_seconds',
    help: 'Test.',
    buckets: [...LATENCY_BUCKETS_S],
    registers: [registry],
  });
  histogram.observe(0.3);

  const response = await metricsResponse(registry);

  expect(response.headers.get('content-type')).toStartWith('text/plain');
  const text = await response.text();
  expect(text).toContain('# TYPE cortex_test_seconds histogram');
  expect(text).toContain('cortex_test_seconds_bucket{le="0.5"} 1');
});
