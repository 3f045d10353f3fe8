import { median } from '../statistics.ts';
import type { LongStreamSample, MemorySample } from './memory.ts';
import type { ChunkSample, RequestSample, Route, TimeSample } from './measure.ts';

export const TARGETS = {
  requestCpu: 4,
  chunkCpu: 2,
  rssAfterRequestsMib: 150,
  rssOpenStreamsMib: 200,
  translatedChunkCpu: 2.5,
  translatedTtfbMs: 2,
  longStreamGrowthMib: 5,
};

/** Samples of one route. */
export interface Samples {
  /** Empty if the route is measured only with streams; `busyRequests` and `firstByte` too. */
  readonly requests: RequestSample[];
  readonly busyRequests: RequestSample[];
  readonly chunks: ChunkSample[];
  readonly firstByte: TimeSample[];
  readonly firstContent: TimeSample[];
}

/** All that a run measures. */
export interface Measurements {
  readonly samples: ReadonlyMap<Route['name'], Samples>;
  readonly memory: ReadonlyMap<Route['name'], MemorySample>;
  readonly longStream: ReadonlyMap<Route['name'], LongStreamSample>;
}

interface Times {
  readonly p50: number;
  readonly p99: number;
}

/** Medians over the rounds. */
export interface Figures {
  readonly cpuUsPerRequest: number;
  readonly busyCpuUsPerRequest: number;
  readonly cpuUsPerChunk: number;
  readonly requestsPerS: number;
  readonly readsPerChunk: number;
  readonly firstByteMs: Times;
  readonly firstContentMs: Times;
}

const round2 = (value: number): number => Math.round(value * 100) / 100;

const timesOf = (samples: readonly TimeSample[]): Times => ({
  p50: round2(median(samples.map(({ p50 }) => p50))),
  p99: round2(median(samples.map(({ p99 }) => p99))),
});

export const figuresOf = (samples: Samples): Figures => ({
  cpuUsPerRequest: round2(median(samples.requests.map((sample) => sample.cpuUsPerRequest))),
  busyCpuUsPerRequest: round2(median(samples.busyRequests.map((sample) => sample.cpuUsPerRequest))),
  cpuUsPerChunk: round2(median(samples.chunks.map((sample) => sample.cpuUsPerChunk))),
  requestsPerS: Math.round(median(samples.busyRequests.map((sample) => sample.requestsPerS))),
  readsPerChunk: round2(median(samples.chunks.map((sample) => sample.readsPerChunk))),
  firstByteMs: timesOf(samples.firstByte),
  firstContentMs: timesOf(samples.firstContent),
});

/** Both figures are the maximum of their samples, MiB. */
export function rssOf(sample: MemorySample | undefined) {
  return {
    afterRequestsMib: round2(Math.max(...(sample?.afterRequestsMib ?? [Number.NaN]))),
    openStreamsMib: round2(Math.max(...(sample?.openStreamsMib ?? [Number.NaN]))),
  };
}

/** Memory on both sides of the long stream, MiB. */
export function longStreamOf({ longStream }: Measurements, name: Route['name']) {
  const sample = longStream.get(name);
  return {
    beforeMib: round2(median(sample?.beforeMib ?? [])),
    afterMib: round2(median(sample?.afterMib ?? [])),
  };
}

const added = (times: Times, base: Times): Times => ({
  p50: round2(times.p50 - base.p50),
  p99: round2(times.p99 - base.p99),
});

function requireFigures({ samples }: Measurements, name: Route['name']): Figures {
  const found = samples.get(name);
  if (found === undefined) throw new Error(`${name} has no measurements`);
  return figuresOf(found);
}

/** The line for scripts. */
export function lineOf(measured: Measurements) {
  const cortex = requireFigures(measured, 'cortex');
  const translated = requireFigures(measured, 'cortex, translated');
  const nginx = requireFigures(measured, 'nginx');
  const upstream = requireFigures(measured, 'upstream');
  const rss = rssOf(measured.memory.get('cortex'));
  const longStream = longStreamOf(measured, 'cortex, translated');
  return {
    bench: 'gateway',
    request_cpu_vs_nginx: round2(cortex.cpuUsPerRequest / nginx.cpuUsPerRequest),
    chunk_cpu_vs_nginx: round2(cortex.cpuUsPerChunk / nginx.cpuUsPerChunk),
    added_ttfb_ms: added(cortex.firstByteMs, upstream.firstByteMs),
    rss_mb_after_requests: rss.afterRequestsMib,
    rss_mb: rss.openStreamsMib,
    translated_chunk_cpu_vs_nginx: round2(translated.cpuUsPerChunk / nginx.cpuUsPerChunk),
    /** Time to the first content, added to that of nginx. */
    translated_ttfb_ms: added(translated.firstContentMs, nginx.firstContentMs),
    long_stream_rss_mb: { before: longStream.beforeMib, after: longStream.afterMib },
  };
}
export type Line = ReturnType<typeof lineOf>;

/** The targets that a run has missed. */
export function missedBy(line: Line): readonly string[] {
  const { before, after } = line.long_stream_rss_mb;
  const checks: readonly (readonly [name: string, value: number, limit: number])[] = [
    ['request CPU × nginx', line.request_cpu_vs_nginx, TARGETS.requestCpu],
    ['chunk CPU × nginx', line.chunk_cpu_vs_nginx, TARGETS.chunkCpu],
    ['MB after requests', line.rss_mb_after_requests, TARGETS.rssAfterRequestsMib],
    ['MB with streams', line.rss_mb, TARGETS.rssOpenStreamsMib],
    [
      'translated chunk CPU × nginx',
      line.translated_chunk_cpu_vs_nginx,
      TARGETS.translatedChunkCpu,
    ],
    [
      'translated first content, p99 added to nginx, ms',
      line.translated_ttfb_ms.p99,
      TARGETS.translatedTtfbMs,
    ],
    ['MB more after a long stream', round2(after - before), TARGETS.longStreamGrowthMib],
  ];
  return checks.flatMap(([name, value, limit]) =>
    value <= limit ? [] : [`${name}: ${value}, target ≤ ${limit}`],
  );
}
