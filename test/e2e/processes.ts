import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly commandLine: string;
}

function readProcess(pid: number): ProcessEntry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets can contain any character; the fields after it are plain.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z') return undefined;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, parentPid: Number(parent), commandLine };
  } catch {
    // It ended during the scan.
    return undefined;
  }
}

/** Every running process, without zombies. */
function listProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
    .flatMap((pid) => readProcess(pid) ?? []);
}

/** `pid` and all its descendants. */
export function processTree(pid: number): ProcessEntry[] {
  const all = listProcesses();
  const tree = all.filter((entry) => entry.pid === pid);
  for (const parent of tree) tree.push(...all.filter((entry) => entry.parentPid === parent.pid));
  return tree;
}

/** Whether a process is `cortex COMMAND` or `neuron COMMAND`, from the repository or built. */
export const runs = (
  { commandLine }: ProcessEntry,
  name: 'cortex' | 'neuron',
  command: string,
): boolean => {
  const sources = name === 'cortex' ? 'packages/cli' : 'packages/neuron';
  return new RegExp(`(${sources}/.*|/${name}) ${command}\\b`).test(commandLine);
};

/** `serve` of a program below `pid`. */
export const daemonProcess = (pid: number, name: 'cortex' | 'neuron'): ProcessEntry | undefined =>
  processTree(pid).findLast((entry) => runs(entry, name, 'serve'));

interface EngineProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly model: string;
}

/** The engine processes below `pid` that have a model; the probe of a node has none. */
export function modelEngines(pid: number): EngineProcess[] {
  const engines = processTree(pid).flatMap(({ commandLine, ...ids }) => {
    const model = /worker\.[tj]s (?!probe)(\S+)/.exec(commandLine)?.[1];
    return model === undefined ? [] : [{ ...ids, model }];
  });
  // A child has the command line of its parent until it has become another program.
  return engines.filter(({ parentPid }) => !engines.some((engine) => engine.pid === parentPid));
}

export const isRunning = (pid: number): boolean => readProcess(pid) !== undefined;

/** Polls every few milliseconds until `probe` returns a value. @throws Error naming what it waited for */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 10_000,
): Promise<T> {
  const giveUpMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > giveUpMs)
      throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}`);
    await sleep(15);
  }
}
