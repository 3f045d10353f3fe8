import { describe, expect, test } from 'bun:test';

import {
  createCounterFamily,
  createGaugeFamily,
  createHistogramFamily,
  metricsResponse,
} from './exposition.ts';

describe('the metrics page', () => {
  test('renders cumulative buckets, sum and count of a histogram', async () => {
    const family = createHistogramFamily({
      name: 'cortex_test_seconds',
      help: 'Test.',
      labels: ['api'],
      bounds: [0.1, 0.5],
    });
    family.series(['chat']).observe(0.3);
    family.series(['chat']).observe(0.05, 2);
    family.series(['chat']).observe(7);

    const response = metricsResponse([family]);

    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toBe(
      `# HELP cortex_test_seconds Test.
# TYPE cortex_test_seconds histogram
cortex_test_seconds_bucket{api="chat",le="0.1"} 2
cortex_test_seconds_bucket{api="chat",le="0.5"} 3
cortex_test_seconds_bucket{api="chat",le="+Inf"} 4
cortex_test_seconds_sum{api="chat"} 7.4
cortex_test_seconds_count{api="chat"} 4
`,
    );
  });

  test('escapes quotes and line feeds in label values', () => {
    const family = createGaugeFamily({ name: 'g', help: 'Test.', labels: ['model'] });
    family.series(['a"b\\c\nd']).value = 1;

    expect(family.render().split('\n')[2]).toBe('g{model="a\\"b\\\\c\\nd"} 1');
  });

  test.each([
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [Number.NaN, 'NaN'],
    [1e21, '1e+21'],
  ])('writes the value %p as %s', (value, text) => {
    const family = createGaugeFamily({ name: 'g', help: 'Test.', labels: [] });
    family.series([]).value = value;

    expect(family.render()).toEndWith(`g ${text}\n`);
  });

  test('renders nothing for a family without series, and no pruned series', () => {
    const family = createCounterFamily({ name: 'c', help: 'Test.', labels: ['model'] });
    expect(family.render()).toBe('');

    family.series(['gone']).value += 1;
    family.series(['kept']).value += 1;
    family.prune((label) => label('model') === 'gone');

    expect(family.render()).not.toContain('gone');
    expect(family.render()).toContain('c{model="kept"} 1');
  });
});
