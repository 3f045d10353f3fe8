import { cpus, loadavg } from 'node:os';

import type { Measured } from './processes.ts';
import {
  figuresOf,
  type Line,
  longStreamOf,
  type Measurements,
  rssOf,
  TARGETS,
} from './figures.ts';
import type { Route } from './measure.ts';
import type { Options } from './options.ts';

async function versionOf(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return `${out}${err}`.split('\n')[0] ?? '';
}

/** Columns of the table; a figure that was not measured is a dash. */
const COLUMNS = [
  '',
  'µs/request',
  'µs/request busy',
  'requests/s busy',
  'µs/chunk',
  'reads/chunk',
  'TTFB p50',
  'p99',
  'content p50',
  'p99',
  'MB after requests',
  'MB with streams',
  'MB before long stream',
  'after',
];

function rowOf(name: Route['name'], measured: Measurements): readonly string[] {
  const found = measured.samples.get(name);
  if (found === undefined) return [name];
  const figures = figuresOf(found);
  const memory = rssOf(measured.memory.get(name));
  const longStream = longStreamOf(measured, name);
  // The CPU of the upstream would be that of an answer, not of passing it on.
  const ofGateway = (value: number): number => (name === 'upstream' ? Number.NaN : value);
  return [
    name,
    ...[
      ofGateway(figures.cpuUsPerRequest),
      ofGateway(figures.busyCpuUsPerRequest),
      figures.requestsPerS,
      ofGateway(figures.cpuUsPerChunk),
      figures.readsPerChunk,
      figures.firstByteMs.p50,
      figures.firstByteMs.p99,
      figures.firstContentMs.p50,
      figures.firstContentMs.p99,
      memory.afterRequestsMib,
      memory.openStreamsMib,
      longStream.beforeMib,
      longStream.afterMib,
    ].map((value) => (Number.isNaN(value) ? '–' : String(value))),
  ];
}

/** The figures of all routes as a table. */
export function formatTable(measured: Measurements): string {
  const rows = [COLUMNS, ...[...measured.samples.keys()].map((name) => rowOf(name, measured))];
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}

/** The figures that have targets, in one sentence. */
export const formatLine = (line: Line, { load }: Options): string =>
  `request CPU ${line.request_cpu_vs_nginx} × nginx, chunk CPU ${line.chunk_cpu_vs_nginx} × nginx, added TTFB ${line.added_ttfb_ms.p50} ms (p99 ${line.added_ttfb_ms.p99} ms), RSS ${line.rss_mb_after_requests} MB after ${load.memoryRequests} requests, ${line.rss_mb} MB at ${load.openStreams} streams\n` +
  `translated: chunk CPU ${line.translated_chunk_cpu_vs_nginx} × nginx, added time to the first content ${line.translated_ttfb_ms.p50} ms (p99 ${line.translated_ttfb_ms.p99} ms), RSS ${line.long_stream_rss_mb.before} MB before and ${line.long_stream_rss_mb.after} MB after a stream of ${load.longStreamChunks} chunks`;

interface Run {
  readonly line: Line;
  readonly options: Options;
  readonly contenders: readonly Measured[];
  readonly measured: Measurements;
  /** Processes that wanted to run, averaged over 15 minutes, when the run began. */
  readonly loadBefore: number;
}

/** All of a run, as it is written to its file. */
export async function toFile({ line, options, contenders, measured, loadBefore }: Run) {
  return {
    ...line,
    at: new Date().toISOString(),
    slow_us: options.slowUs,
    targets: TARGETS,
    load: options.load,
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      load_average: { before: loadBefore, after: loadavg() },
    },
    versions: {
      bun: Bun.version,
      nginx: await versionOf([Bun.which('nginx') ?? '/usr/sbin/nginx', '-v']),
      wrk: await versionOf(['wrk', '-v']),
    },
    commands: Object.fromEntries(contenders.map(({ name, command }) => [name, command])),
    figures: Object.fromEntries(
      [...measured.samples].map(([name, samples]) => [name, figuresOf(samples)]),
    ),
    memory: Object.fromEntries(measured.memory),
    longStream: Object.fromEntries(measured.longStream),
    samples: Object.fromEntries(measured.samples),
  };
}
