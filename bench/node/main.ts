/**
 * `npm run bench:node`: whether a node can be left alone: its GETs under full load, its memory over many loads, seats
 * of cancelled requests, and the pauses that a large body causes in other streams.
 *
 * `--json` prints one line for scripts, `--no-check` exits with 0 even when a target is missed, `--quick` (less of
 * everything, for a trial), `--slow-us N` (burns CPU in the daemon for every request, to check that the figures
 * change).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';

import { treeCpuMs } from '../process-figures.ts';
import { median, percentile } from '../statistics.ts';
import { measurePauses, type PauseSamples } from './big-bodies.ts';
import {
  type ControlSamples,
  countCancelLeaks,
  type CycleSamples,
  measureControl,
  measureCycles,
} from './measure.ts';
import { readOptions } from './options.ts';
import { Processes, type Server } from './processes.ts';

const OUT = resolve(import.meta.dir, '../out');
const TARGETS = {
  controlP99Ms: 50,
  controlVsConstant: 3,
  loadToFirstTokenMs: 3000,
  rssGrowthMb: 20,
  cancelLeaks: 0,
  bigBodyGapMs: 50,
};

const options = readOptions();
const log = (text: string): void => {
  if (!options.isJson) console.log(text);
};
const round = (value: number): number => Math.round(value * 10) / 10;

interface Samples {
  readonly control: ControlSamples;
  readonly cycles: CycleSamples;
  readonly cancelLeaks: number;
  readonly pauses: PauseSamples;
}

interface Run extends Samples {
  readonly neuron: Server;
  readonly constant: Server;
  /** CPU of the daemon and its engines in the whole run, ms. */
  readonly cpuMs: number;
}

async function measure(): Promise<Run> {
  await using processes = new Processes(join(OUT, `node-${process.pid}`));
  const neuron = await processes.startNeuron(options.slowUs);
  const constant = await processes.startConstantServer();
  log('GETs while two models generate');
  const control = await measureControl(processes, { neuron, constant }, options.load);
  log(`${options.load.cycles} loads and unloads`);
  const cycles = await measureCycles(neuron, options.load);
  log(`${options.load.cancels} cancelled requests`);
  const cancelLeaks = await countCancelLeaks(neuron, options.load);
  log('large bodies');
  const pauses = await measurePauses(processes, neuron, options.load);
  const cpuMs = treeCpuMs(neuron.pid);
  return { neuron, constant, control, cycles, cancelLeaks, pauses, cpuMs };
}

/** Memory at the end above that in the middle, when caches and heap have their size, MiB. */
function rssGrowth(rssMib: readonly number[]): number {
  const third = Math.floor(rssMib.length / 3);
  return median(rssMib.slice(-5)) - median(rssMib.slice(third, 2 * third));
}

function figuresOf({ control, cycles, cancelLeaks, pauses }: Samples) {
  const p99 = Object.values(control.ms).map((ms) => percentile(ms, 0.99));
  const gaps = Object.entries(pauses).filter(([name]) => name !== 'nothing');
  return {
    bench: 'node',
    control_p99_ms: round(Math.max(...p99)),
    load_to_first_token_ms: round(percentile(cycles.firstTokenMs, 0.95)),
    rss_growth_mb: round(rssGrowth(cycles.rssMib)),
    cancel_leaks: cancelLeaks,
    big_body_gap_ms: round(Math.max(...gaps.map(([, ms]) => median(ms)))),
  };
}

function missedBy(line: ReturnType<typeof figuresOf>, { control, cycles }: Samples): string[] {
  const constantP99 = percentile(control.constantMs, 0.99);
  const controlLimit = Math.max(TARGETS.controlP99Ms, TARGETS.controlVsConstant * constantP99);
  const checks: readonly (readonly [string, number, number])[] = [
    ['p99 of a GET, ms', line.control_p99_ms, round(controlLimit)],
    ['load to first token, ms', line.load_to_first_token_ms, TARGETS.loadToFirstTokenMs],
    ['growth of memory, MB', line.rss_growth_mb, TARGETS.rssGrowthMb],
    ['seats of cancelled requests', line.cancel_leaks, TARGETS.cancelLeaks],
    ['longest pause at a large body, ms', line.big_body_gap_ms, TARGETS.bigBodyGapMs],
    ['processes after the last unload', cycles.leftProcesses, 0],
  ];
  return checks.flatMap(([name, value, limit]) =>
    value <= limit ? [] : [`${name}: ${value}, target ≤ ${limit}`],
  );
}

const run = await measure();
const line = figuresOf(run);
for (const [path, ms] of Object.entries({
  ...run.control.ms,
  'constant answer': run.control.constantMs,
}))
  log(
    `${path.padEnd(28)} p50 ${round(percentile(ms, 0.5))} ms, p99 ${round(percentile(ms, 0.99))} ms`,
  );
for (const [name, ms] of Object.entries(run.pauses))
  log(`longest pause: ${name.padEnd(24)} ${ms.map(round).join(', ')} ms`);
log(
  `load to first token ${line.load_to_first_token_ms} ms, memory +${line.rss_growth_mb} MB, seats left ${line.cancel_leaks}`,
);
const { control, cycles, cancelLeaks, pauses, neuron, constant, cpuMs } = run;
mkdirSync(OUT, { recursive: true });
writeFileSync(
  join(OUT, 'node.json'),
  `${JSON.stringify(
    {
      ...line,
      at: new Date().toISOString(),
      slow_us: options.slowUs,
      targets: TARGETS,
      load: options.load,
      machine: { cpu: cpus()[0]?.model, cores: cpus().length },
      versions: { bun: Bun.version },
      commands: { neuron: neuron.command, constant: constant.command },
      cpu_ms: { daemon_while_control: control.cpuMs, daemon_and_engines: cpuMs },
      samples: { control, cycles, cancelLeaks, pauses },
    },
    undefined,
    2,
  )}\n`,
);
if (options.isJson) console.log(JSON.stringify(line));
const missed = missedBy(line, run);
for (const text of missed) console.error(`missed: ${text}`);
process.exit(missed.length === 0 || !options.isChecked ? 0 : 1);
