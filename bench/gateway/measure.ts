import { z } from 'zod';

import { cpuMs } from '../process-figures.ts';
import { percentile } from '../statistics.ts';
import { type Api, clientCommand, output, wrkCommand } from './command.ts';
import type { Load } from './options.ts';
import type { Measured } from './processes.ts';

/** A contender as the clients of one API see it. */
export interface Route {
  readonly name: 'nginx' | 'cortex' | 'upstream' | 'cortex, translated';
  readonly target: Measured;
  readonly api: Api;
}

/** One contender in one round. CPU in microseconds; meaningless for the upstream, which is not a gateway. */
export interface RequestSample {
  readonly requests: number;
  readonly requestsPerS: number;
  readonly cpuMs: number;
  readonly cpuUsPerRequest: number;
}

export interface ChunkSample {
  /** Tokens of the upstream, each a chunk. */
  readonly chunks: number;
  /** Reads of the client per chunk: near 1 when chunks are not merged on the way. */
  readonly readsPerChunk: number;
  readonly cpuMs: number;
  readonly cpuUsPerChunk: number;
}

/** Times of one round, ms. */
export interface TimeSample {
  readonly p50: number;
  readonly p99: number;
  readonly samplesMs: readonly number[];
}

/** Load that is not measured, because JIT compilers need some ten thousand requests and chunks. */
export async function warmUp(routes: readonly Route[], load: Load): Promise<void> {
  for (const { target } of routes.filter(({ api }) => api === 'openai'))
    await output(wrkCommand(target, load.busyConnections, load.warmUpS));
  const streams = { ...load, everyMs: load.everyMs / 4, tokens: load.tokens * 3 };
  for (const route of routes) await measureChunks(route, streams);
}

/** Keeps a contender busy with requests without streaming. @throws Error when one of them fails */
export async function measureRequests(
  target: Measured,
  load: Load,
  connections: number,
): Promise<RequestSample> {
  await output(wrkCommand(target, connections, 1));
  const before = cpuMs(target.pid);
  const text = await output(wrkCommand(target, connections, load.requestsS));
  const usedMs = cpuMs(target.pid) - before;
  const [, count] = /(\d+) requests in/.exec(text) ?? [];
  if (count === undefined || /Non-2xx|Socket errors/.test(text))
    throw new Error(`requests to ${target.name} failed:\n${text}`);
  const requests = Number(count);
  return {
    requests,
    requestsPerS: requests / load.requestsS,
    cpuMs: usedMs,
    cpuUsPerRequest: (usedMs * 1000) / requests,
  };
}

const StreamReport = z.looseObject({
  chunks: z.number(),
  reads: z.number(),
  incomplete: z.number(),
});

/** Streams at a steady pace. @throws Error when one of them is incomplete */
export async function measureChunks(
  { name, target, api }: Route,
  load: Load,
): Promise<ChunkSample> {
  const { streams, tokens, everyMs } = load;
  const before = cpuMs(target.pid);
  const text = await output(clientCommand(target, { api, mode: 'run', streams, tokens, everyMs }));
  const usedMs = cpuMs(target.pid) - before;
  const report = StreamReport.parse(JSON.parse(text));
  if (report.incomplete > 0)
    throw new Error(`${report.incomplete} streams of ${name} were incomplete`);
  return {
    chunks: report.chunks,
    readsPerChunk: report.reads / report.chunks,
    cpuMs: usedMs,
    cpuUsPerChunk: (usedMs * 1000) / report.chunks,
  };
}

const TimesReport = z.looseObject({ samplesMs: z.array(z.number()) });

async function readTimes(command: string[]): Promise<TimeSample> {
  const { samplesMs } = TimesReport.parse(JSON.parse(await output(command)));
  return { p50: percentile(samplesMs, 0.5), p99: percentile(samplesMs, 0.99), samplesMs };
}

/** Times to the first byte of a stream, one request after the other on an idle contender. */
export const measureFirstBytes = ({ target, api }: Route, { firsts }: Load): Promise<TimeSample> =>
  readTimes(
    clientCommand(target, { api, mode: 'first_byte', streams: firsts, tokens: 1, everyMs: 0 }),
  );

/** Times to the first content of a stream, one request after the other while `load.streams` others run. */
export const measureFirstContent = (
  { target, api }: Route,
  { streams, everyMs, firsts }: Load,
): Promise<TimeSample> =>
  readTimes(
    clientCommand(target, {
      api,
      mode: 'first_content',
      streams,
      tokens: 1_000_000,
      everyMs,
      probes: firsts,
    }),
  );
