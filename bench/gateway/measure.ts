import { resolve } from 'node:path';

import { z } from 'zod';

import { cpuMs, treeRssMib } from '../process-figures.ts';
import type { Measured } from './processes.ts';

const ROOT = resolve(import.meta.dir, '../..');

/** The load of a run. */
export interface Load {
  /** Rounds; each measures every contender once, in rotating order. */
  readonly rounds: number;
  /** Seconds of requests without streaming, per round and contender. */
  readonly requestsS: number;
  /** Connections that each send one request after the other. */
  readonly connections: number;
  /** The same, with enough connections to saturate every contender. */
  readonly busyConnections: number;
  /** Seconds of load before the first round. */
  readonly warmUpS: number;
  readonly streams: number;
  readonly tokens: number;
  readonly everyMs: number;
  /** Requests whose first byte is timed, per round and contender. */
  readonly firstBytes: number;
  readonly openStreams: number;
  /** Number of requests before memory is read, and the connections that send them. */
  readonly memoryRequests: number;
  readonly memoryConnections: number;
}

/** Memory of a contender, its launcher included, MiB. */
export interface MemorySample {
  readonly requests: number;
  /** Sampled every second after the requests. */
  readonly afterRequestsMib: readonly number[];
  /** Sampled every second while the streams are open. */
  readonly openStreamsMib: readonly number[];
}

/** One contender in one round. CPU in microseconds; absent for the upstream, which is not a gateway. */
export interface RequestSample {
  readonly requests: number;
  readonly requestsPerS: number;
  readonly cpuMs: number;
  readonly cpuUsPerRequest: number;
}

export interface ChunkSample {
  readonly chunks: number;
  /** Reads of the client per chunk: near 1 when chunks are not merged on the way. */
  readonly readsPerChunk: number;
  readonly cpuMs: number;
  readonly cpuUsPerChunk: number;
}

async function output(command: string[]): Promise<string> {
  const child = Bun.spawn(command, {
    cwd: ROOT,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const text = await new Response(child.stdout).text();
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command.join(' ')} ended with exit code ${code}`);
  return text;
}

const wrkCommand = (target: Measured, connections: number, seconds: number): string[] => [
  'wrk',
  '-t1',
  `-c${connections}`,
  `-d${seconds}s`,
  '-s',
  'bench/gateway/request.lua',
  `${target.url}/v1/chat/completions`,
];

/** Load that is not measured, because JIT compilers need some ten thousand requests. */
export async function warmUp(target: Measured, load: Load): Promise<void> {
  await output(wrkCommand(target, load.busyConnections, load.warmUpS));
  await measureChunks(target, { ...load, everyMs: load.everyMs / 4 });
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

const clientCommand = (target: Measured, options: object): string[] => [
  process.execPath,
  'bench/gateway/stream-client.ts',
  JSON.stringify({ url: target.url, ...options }),
];

const StreamReport = z.looseObject({
  chunks: z.number(),
  reads: z.number(),
  incomplete: z.number(),
});

/** Streams at a steady pace. @throws Error when one of them is incomplete */
export async function measureChunks(target: Measured, load: Load): Promise<ChunkSample> {
  const { streams, tokens, everyMs } = load;
  const before = cpuMs(target.pid);
  const text = await output(clientCommand(target, { mode: 'run', streams, tokens, everyMs }));
  const usedMs = cpuMs(target.pid) - before;
  const report = StreamReport.parse(JSON.parse(text));
  if (report.incomplete > 0)
    throw new Error(`${report.incomplete} streams of ${target.name} were incomplete`);
  return {
    chunks: report.chunks,
    readsPerChunk: report.reads / report.chunks,
    cpuMs: usedMs,
    cpuUsPerChunk: (usedMs * 1000) / report.chunks,
  };
}

const FirstByteReport = z.looseObject({ samplesMs: z.array(z.number()) });

/** Times to the first byte of a stream, one request after the other, ms. */
export async function measureFirstBytes(target: Measured, load: Load): Promise<readonly number[]> {
  const options = { mode: 'first_byte', streams: load.firstBytes, tokens: 1, everyMs: 0 };
  const text = await output(clientCommand(target, options));
  return FirstByteReport.parse(JSON.parse(text)).samplesMs;
}

/** Resident memory after many requests, then with many streams open on the same process. */
export async function measureMemory(target: Measured, load: Load): Promise<MemorySample> {
  let requests = 0;
  while (requests < load.memoryRequests) {
    const text = await output(wrkCommand(target, load.memoryConnections, load.requestsS));
    requests += Number(/(\d+) requests in/.exec(text)?.[1]);
  }
  const afterRequestsMib = await readRss(target, 3);
  return { requests, afterRequestsMib, openStreamsMib: await measureOpenStreams(target, load) };
}

async function readRss(target: Measured, seconds: number): Promise<number[]> {
  const samples: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    samples.push(treeRssMib(target.rootPid));
    await Bun.sleep(1000);
  }
  return samples;
}

/** Resident memory of a contender while many streams are open and get one token per second, MiB. */
async function measureOpenStreams(target: Measured, load: Load): Promise<readonly number[]> {
  const options = { mode: 'hold', streams: load.openStreams, tokens: 3600, everyMs: 1000 };
  const child = Bun.spawn(clientCommand(target, options), {
    cwd: ROOT,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const samples: number[] = [];
  for await (const bytes of child.stdout) {
    if (!new TextDecoder().decode(bytes).startsWith('open')) continue;
    samples.push(...(await readRss(target, 5)));
    await child.stdin.end();
    break;
  }
  await child.exited;
  if (samples.length === 0)
    throw new Error(`${target.name} did not open ${load.openStreams} streams`);
  return samples;
}
