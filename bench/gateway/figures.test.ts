import { expect, test } from 'bun:test';

import { type Line, lineOf, missedBy, type Measurements, type Samples } from './figures.ts';

const samplesOf = (cpuUs: number, ms: number): Samples => {
  const request = { requests: 1, requestsPerS: 1, cpuMs: 1, cpuUsPerRequest: cpuUs };
  const time = { p50: ms, p99: 2 * ms, samplesMs: [ms] };
  return {
    requests: [request],
    busyRequests: [request],
    chunks: [{ chunks: 1, readsPerChunk: 1, cpuMs: 1, cpuUsPerChunk: cpuUs }],
    firstByte: [time],
    firstContent: [time],
  };
};

const measured: Measurements = {
  samples: new Map([
    ['upstream', samplesOf(1, 0.1)],
    ['nginx', samplesOf(10, 0.2)],
    ['cortex', samplesOf(15, 0.4)],
    ['cortex, translated', samplesOf(20, 0.5)],
  ]),
  memory: new Map([
    ['cortex', { requests: 1, afterRequestsMib: [90, 100], openStreamsMib: [120, 110] }],
  ]),
  longStream: new Map([
    ['cortex, translated', { chunks: 1, beforeMib: [99, 100, 120], afterMib: [103, 102, 90] }],
  ]),
};
const line = lineOf(measured);

test('the figures of a translated stream compare it with the stream that nginx passes', () => {
  expect(line).toMatchObject({
    translated_chunk_cpu_vs_nginx: 2,
    translated_ttfb_ms: { p50: 0.3, p99: 0.6 },
    long_stream_rss_mb: { before: 100, after: 102 },
  });
  expect(missedBy(line)).toEqual([]);
});

test.each<[string, Partial<Line>]>([
  ['translated chunk CPU', { translated_chunk_cpu_vs_nginx: 2.51 }],
  ['translated first content', { translated_ttfb_ms: { p50: 0, p99: 2.1 } }],
  ['after a long stream', { long_stream_rss_mb: { before: 100, after: 106 } }],
])('a missed target is named: %s', (name, change) => {
  expect(missedBy({ ...line, ...change })).toEqual([expect.stringContaining(name)]);
});

test('a figure that was not measured counts as missed', () => {
  const unmeasured = lineOf({ ...measured, longStream: new Map() });

  expect(missedBy(unmeasured)).toHaveLength(1);
});
