import { readdirSync } from 'node:fs';

import {
  createCounterFamily,
  createGaugeFamily,
  createHistogramFamily,
  type Family,
} from './exposition.ts';

/** Interval of the timer whose lateness is the delay of the event loop. */
const SAMPLE_MS = 100;
/** Seconds. A stream is expected to be held up by less than 50 ms. */
const DELAY_BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** Descriptors of this process; undefined where the system does not list them. */
function countDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}

/** The metrics of this process: CPU, memory, descriptors, and how late its event loop is. */
export class ProcessMetrics {
  readonly #cpu = createCounterFamily({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time of the process.',
    labels: [],
  });
  readonly #resident = createGaugeFamily({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process.',
    labels: [],
  });
  readonly #descriptors = createGaugeFamily({
    name: 'process_open_fds',
    help: 'Open file descriptors of the process.',
    labels: [],
  });
  readonly #start = createGaugeFamily({
    name: 'process_start_time_seconds',
    help: 'Start of the process, Unix time.',
    labels: [],
  });
  readonly #delay;
  readonly families: readonly Family[];

  /** @param prefix - Prefix of the name of the event loop's metric. */
  constructor(prefix: 'cortex' | 'neuron') {
    this.#delay = createHistogramFamily({
      name: `${prefix}_event_loop_delay_seconds`,
      help: 'How late a timer ran, sampled every 100 ms.',
      labels: [],
      bounds: DELAY_BOUNDS,
    });
    this.families = [this.#cpu, this.#resident, this.#descriptors, this.#start, this.#delay];
  }

  /** Samples the delay of the event loop until the returned function is called. */
  watchEventLoop(): () => void {
    const series = this.#delay.series([]);
    let dueMs = performance.now() + SAMPLE_MS;
    const timer = setInterval(() => {
      const nowMs = performance.now();
      series.observe(Math.max(0, nowMs - dueMs) / 1000);
      dueMs = nowMs + SAMPLE_MS;
    }, SAMPLE_MS).unref();
    return () => clearInterval(timer);
  }

  /** Sets the current values. */
  update(): void {
    const { user, system } = process.cpuUsage();
    this.#cpu.series([]).value = (user + system) / 1e6;
    this.#resident.series([]).value = process.memoryUsage.rss();
    this.#start.series([]).value = Date.now() / 1000 - process.uptime();
    const descriptors = countDescriptors();
    if (descriptors !== undefined) this.#descriptors.series([]).value = descriptors;
  }
}
