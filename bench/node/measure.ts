import { cpuMs, processRssMib, treePids } from '../process-figures.ts';
import { NeuronClient } from './neuron-client.ts';
import type { Load } from './options.ts';
import type { Processes, Server } from './processes.ts';

/** Every route that is read with GET. */
const GETS = [
  '/version',
  '/discovery',
  '/health',
  '/metrics',
  '/models',
  '/models/one/endpoint',
  '/models/one/capabilities',
  '/models/one/logs',
];
/** Pause between two requests, so that they meet the engines at different moments of their steps. */
const PAUSE_MS = 2;
/** How long the last of the cancelled requests may take to leave its seat. */
const SEAT_LIMIT_MS = 10_000;
const CANCELS_AT_ONCE = 8;

async function timeOf(url: string): Promise<number> {
  const startedMs = performance.now();
  const answer = await fetch(url);
  await answer.bytes();
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status}`);
  return performance.now() - startedMs;
}

export interface ControlSamples {
  /** Times of each route, and of the constant answer, ms. */
  readonly ms: Readonly<Record<string, readonly number[]>>;
  readonly constantMs: readonly number[];
  /** CPU of the daemon meanwhile, ms. */
  readonly cpuMs: number;
}

/** The times of every GET and of a constant answer in turns, while two models generate on both cores. */
export async function measureControl(
  processes: Processes,
  { neuron, constant }: { readonly neuron: Server; readonly constant: Server },
  load: Load,
): Promise<ControlSamples> {
  const client = new NeuronClient(neuron.url);
  const { streams } = load;
  await client.load('one');
  await client.load('two');
  await using _one = await processes.startStreams({ url: neuron.url, model: 'one', streams });
  await using _two = await processes.startStreams({ url: neuron.url, model: 'two', streams });
  const before = cpuMs(neuron.pid);
  const ms: Record<string, number[]> = Object.fromEntries(GETS.map((path) => [path, []]));
  const constantMs: number[] = [];
  for (let round = 0; round < load.gets; round += 1) {
    for (const path of GETS) {
      ms[path]?.push(await timeOf(neuron.url + path));
      await Bun.sleep(PAUSE_MS);
    }
    constantMs.push(await timeOf(constant.url));
    await Bun.sleep(PAUSE_MS);
  }
  return { ms, constantMs, cpuMs: cpuMs(neuron.pid) - before };
}

export interface CycleSamples {
  /** From the load call to the first content, ms. */
  readonly firstTokenMs: readonly number[];
  /** Resident memory of the daemon after each unload, MiB. */
  readonly rssMib: readonly number[];
  /** Engine processes after the last unload. */
  readonly leftProcesses: number;
}

/** Loads, asks and unloads a model again and again. */
export async function measureCycles(neuron: Server, { cycles }: Load): Promise<CycleSamples> {
  const client = new NeuronClient(neuron.url);
  const firstTokenMs: number[] = [];
  const rssMib: number[] = [];
  for (const model of ['one', 'two']) await client.unload(model);
  // Questions about the file may keep a probe process for a minute, which is no engine.
  const before = new Set(treePids(neuron.pid));
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const startedMs = performance.now();
    await client.load('one');
    const leaving = new AbortController();
    const answer = await client.chat('one', leaving.signal);
    await untilContent(answer);
    firstTokenMs.push(performance.now() - startedMs);
    leaving.abort();
    await client.unload('one');
    rssMib.push(processRssMib(neuron.pid));
  }
  const leftProcesses = treePids(neuron.pid).filter((pid) => !before.has(pid)).length;
  return { firstTokenMs, rssMib, leftProcesses };
}

async function untilContent({ body }: Response): Promise<void> {
  if (body === null) throw new Error('the answer has no body');
  const decoder = new TextDecoder();
  let text = '';
  const reader = body.getReader();
  while (!/"content":"[^"]/.test(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended without content: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
}

/** Requests that still hold a seat after all were cancelled, each at another moment. */
export async function countCancelLeaks(neuron: Server, { cancels }: Load): Promise<number> {
  const client = new NeuronClient(neuron.url);
  await client.load('one');
  let begun = 0;
  async function cancelSome(): Promise<void> {
    while (begun < cancels) {
      // Before the body is sent, in the queue, in the prompt, and in the answer.
      const afterMs = (begun * 7) % 60;
      begun += 1;
      const leaving = new AbortController();
      const timer = setTimeout(() => leaving.abort(), afterMs);
      await client
        .chat('one', leaving.signal)
        .then((answer) => answer.text())
        .catch(() => undefined);
      clearTimeout(timer);
    }
  }
  await Promise.all(Array.from({ length: CANCELS_AT_ONCE }, cancelSome));
  const endMs = performance.now() + SEAT_LIMIT_MS;
  let taken = await client.seatsTaken('one');
  while (taken > 0 && performance.now() < endMs) {
    await Bun.sleep(50);
    taken = await client.seatsTaken('one');
  }
  return taken;
}
