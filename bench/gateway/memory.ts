import { treeRssMib } from '../process-figures.ts';
import { type Api, clientCommand, output, ROOT, wrkCommand } from './command.ts';
import { measureChunks, type Route } from './measure.ts';
import type { Load } from './options.ts';
import type { Measured } from './processes.ts';

/** Memory of a contender, its launcher included, MiB. */
export interface MemorySample {
  readonly requests: number;
  /** Sampled every second after the requests. */
  readonly afterRequestsMib: readonly number[];
  /** Sampled every second while the streams are open. */
  readonly openStreamsMib: readonly number[];
}

/** Memory of a contender around one long stream, sampled every second, MiB. */
export interface LongStreamSample {
  readonly chunks: number;
  readonly beforeMib: readonly number[];
  readonly afterMib: readonly number[];
}

const SAMPLES = 5;

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
  const api: Api = 'openai';
  const options = {
    api,
    mode: 'hold',
    streams: load.openStreams,
    tokens: 3600,
    everyMs: 1000,
  } as const;
  const child = Bun.spawn(clientCommand(target, options), {
    cwd: ROOT,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const samples: number[] = [];
  for await (const bytes of child.stdout) {
    if (!new TextDecoder().decode(bytes).startsWith('open')) continue;
    samples.push(...(await readRss(target, SAMPLES)));
    await child.stdin.end();
    break;
  }
  await child.exited;
  if (samples.length === 0)
    throw new Error(`${target.name} did not open ${load.openStreams} streams`);
  return samples;
}

/**
 * Resident memory before and after one long stream at a pace at which chunks are not merged. A shorter one precedes it,
 * after which heaps have their size.
 */
export async function measureLongStream(route: Route, load: Load): Promise<LongStreamSample> {
  const chunks = load.longStreamChunks;
  const one = { ...load, streams: 1, everyMs: 1 };
  await measureChunks(route, { ...one, tokens: chunks / 5 });
  const beforeMib = await readRss(route.target, SAMPLES);
  await measureChunks(route, { ...one, tokens: chunks });
  return { chunks, beforeMib, afterMib: await readRss(route.target, SAMPLES) };
}
