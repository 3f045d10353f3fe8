/**
 * `npm run bench:gateway`: the cost of cortex in front of a node, compared with nginx as a proxy and with the node
 * alone.
 *
 * `--json` prints one line for scripts, `--no-check` exits with 0 even when a target is missed, `--rounds N`,
 * `--quick` (short rounds, for a trial), `--slow-us N` (burns CPU in the gateway, to check that the figures
 * change).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import {
  type ChunkSample,
  type Load,
  measureChunks,
  measureFirstBytes,
  measureMemory,
  measureRequests,
  type MemorySample,
  type RequestSample,
  warmUp,
} from './measure.ts';
import { Contenders, type Measured } from './processes.ts';
import { median, percentile } from '../statistics.ts';

const TARGETS = { requestCpu: 4, chunkCpu: 2, rssAfterRequestsMib: 150, rssOpenStreamsMib: 200 };
const OUT = resolve(import.meta.dir, '../out');

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    'no-check': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    'slow-us': { type: 'string', default: '0' },
    // Reports missing tools, and measures nothing.
    'tools-only': { type: 'boolean', default: false },
  },
});

const load: Load = {
  rounds: Number(flags.rounds),
  requestsS: flags.quick ? 2 : 4,
  // One request after the other. At saturation the contenders run at different rates, and the faster one gets its
  // requests in batches that do not occur in a fleet of language models. `busyConnections` measures that case.
  connections: 1,
  busyConnections: 16,
  warmUpS: flags.quick ? 5 : 10,
  streams: 64,
  tokens: flags.quick ? 100 : 400,
  // 50 tokens per second, the speed of a medium-sized model.
  everyMs: 20,
  firstBytes: flags.quick ? 50 : 200,
  openStreams: 1000,
  memoryRequests: flags.quick ? 20_000 : 100_000,
  memoryConnections: 32,
};

interface Samples {
  readonly requests: RequestSample[];
  readonly busyRequests: RequestSample[];
  readonly chunks: ChunkSample[];
  readonly firstByteMs: { readonly p50: number; readonly p99: number }[];
}

const log = (text: string): void => {
  if (!flags.json) console.log(text);
};

function requireTools(): void {
  for (const [tool, name] of [
    ['wrk', 'wrk'],
    ['nginx', 'nginx-light'],
  ] as const) {
    const paths = `${process.env['PATH'] ?? ''}:/usr/sbin`;
    if (Bun.which(tool, { PATH: paths }) === null)
      throw new Error(`${tool} was not found. Install it with: apt-get install ${name}`);
  }
}

async function versionOf(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return `${out}${err}`.split('\n')[0] ?? '';
}

/** All contenders in one round. The order rotates, so that a slow moment of the machine affects all of them equally. */
async function measureRound(
  contenders: readonly Measured[],
  round: number,
  samples: ReadonlyMap<Measured, Samples>,
): Promise<void> {
  const order = contenders.map((_, index) => contenders[(index + round) % contenders.length]);
  for (const contender of order) {
    const into = contender && samples.get(contender);
    if (!contender || !into) continue;
    into.requests.push(await measureRequests(contender, load, load.connections));
    into.busyRequests.push(await measureRequests(contender, load, load.busyConnections));
  }
  for (const contender of order) {
    const into = contender && samples.get(contender);
    if (!contender || !into) continue;
    into.chunks.push(await measureChunks(contender, load));
  }
  for (const contender of order) {
    const into = contender && samples.get(contender);
    if (!contender || !into) continue;
    const firstMs = await measureFirstBytes(contender, load);
    into.firstByteMs.push({ p50: percentile(firstMs, 0.5), p99: percentile(firstMs, 0.99) });
  }
}

const round2 = (value: number): number => Math.round(value * 100) / 100;

interface Figures {
  readonly cpuUsPerRequest: number;
  readonly busyCpuUsPerRequest: number;
  readonly cpuUsPerChunk: number;
  readonly requestsPerS: number;
  readonly readsPerChunk: number;
  readonly firstByteMs: { readonly p50: number; readonly p99: number };
}

const figuresOf = ({ requests, busyRequests, chunks, firstByteMs }: Samples): Figures => ({
  cpuUsPerRequest: round2(median(requests.map((sample) => sample.cpuUsPerRequest))),
  busyCpuUsPerRequest: round2(median(busyRequests.map((sample) => sample.cpuUsPerRequest))),
  cpuUsPerChunk: round2(median(chunks.map((sample) => sample.cpuUsPerChunk))),
  requestsPerS: Math.round(median(busyRequests.map((sample) => sample.requestsPerS))),
  readsPerChunk: round2(median(chunks.map((sample) => sample.readsPerChunk))),
  firstByteMs: {
    p50: round2(median(firstByteMs.map(({ p50 }) => p50))),
    p99: round2(median(firstByteMs.map(({ p99 }) => p99))),
  },
});

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  for (const row of rows) {
    log(
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    );
  }
}

async function main(): Promise<number> {
  requireTools();
  if (flags['tools-only']) return 0;
  mkdirSync(OUT, { recursive: true });
  const contenders = new Contenders(join(OUT, `gateway-${process.pid}`));
  try {
    const upstream = await contenders.startUpstream();
    const nginx = await contenders.startNginx(upstream);
    const cortex = await contenders.startCortex(upstream, Number(flags['slow-us']));
    const all = [upstream, nginx, cortex];
    const samples = new Map<Measured, Samples>(
      all.map((contender) => [
        contender,
        { requests: [], busyRequests: [], chunks: [], firstByteMs: [] },
      ]),
    );
    log('warming up');
    for (const contender of all) await warmUp(contender, load);
    for (let round = 0; round < load.rounds; round += 1) {
      log(`round ${round + 1} of ${load.rounds}`);
      await measureRound(all, round, samples);
    }
    const memory = new Map<string, MemorySample>();
    for (const contender of [nginx, cortex]) {
      log(
        `${load.memoryRequests} requests, then ${load.openStreams} open streams through ${contender.name}`,
      );
      memory.set(contender.name, await measureMemory(contender, load));
    }
    const figures = Object.fromEntries(
      [...samples].map(([{ name }, sample]) => [name, figuresOf(sample)]),
    );
    return await report({ all, samples, figures, memory });
  } finally {
    await contenders.stop();
  }
}

interface Result {
  readonly all: readonly Measured[];
  readonly samples: ReadonlyMap<Measured, Samples>;
  readonly figures: Readonly<Record<string, Figures>>;
  readonly memory: ReadonlyMap<string, MemorySample>;
}

/** Both figures are the maximum of their samples, MiB. */
function rssOf(sample: MemorySample | undefined) {
  return {
    afterRequestsMib: round2(Math.max(...(sample?.afterRequestsMib ?? [Number.NaN]))),
    openStreamsMib: round2(Math.max(...(sample?.openStreamsMib ?? [Number.NaN]))),
  };
}

async function report({ all, samples, figures, memory }: Result): Promise<number> {
  const { cortex, nginx, upstream } = figures;
  if (!cortex || !nginx || !upstream) throw new Error('a contender has no measurements');
  const rss = rssOf(memory.get('cortex'));
  const line = {
    bench: 'gateway',
    request_cpu_vs_nginx: round2(cortex.cpuUsPerRequest / nginx.cpuUsPerRequest),
    chunk_cpu_vs_nginx: round2(cortex.cpuUsPerChunk / nginx.cpuUsPerChunk),
    added_ttfb_ms: {
      p50: round2(cortex.firstByteMs.p50 - upstream.firstByteMs.p50),
      p99: round2(cortex.firstByteMs.p99 - upstream.firstByteMs.p99),
    },
    requests: load.memoryRequests,
    rss_mb_after_requests: rss.afterRequestsMib,
    open_streams: load.openStreams,
    rss_mb: rss.openStreamsMib,
  };
  const missed = [
    line.request_cpu_vs_nginx <= TARGETS.requestCpu
      ? []
      : [`request CPU ${line.request_cpu_vs_nginx} × nginx, target ≤ ${TARGETS.requestCpu}`],
    line.chunk_cpu_vs_nginx <= TARGETS.chunkCpu
      ? []
      : [`chunk CPU ${line.chunk_cpu_vs_nginx} × nginx, target ≤ ${TARGETS.chunkCpu}`],
    line.rss_mb_after_requests <= TARGETS.rssAfterRequestsMib
      ? []
      : [
          `RSS ${line.rss_mb_after_requests} MB after requests, target ≤ ${TARGETS.rssAfterRequestsMib}`,
        ],
    line.rss_mb <= TARGETS.rssOpenStreamsMib
      ? []
      : [`RSS ${line.rss_mb} MB with streams, target ≤ ${TARGETS.rssOpenStreamsMib}`],
  ].flat();
  printTable([
    [
      '',
      'µs/request',
      'µs/request busy',
      'requests/s busy',
      'µs/chunk',
      'reads/chunk',
      'TTFB p50',
      'TTFB p99',
      'RSS MB after requests',
      'RSS MB with streams',
    ],
    ...all.map(({ name }) => {
      const row = figures[name];
      const isGateway = name !== 'upstream';
      const mib = rssOf(memory.get(name));
      return [
        name,
        isGateway ? String(row?.cpuUsPerRequest) : '–',
        isGateway ? String(row?.busyCpuUsPerRequest) : '–',
        String(row?.requestsPerS),
        isGateway ? String(row?.cpuUsPerChunk) : '–',
        String(row?.readsPerChunk),
        String(row?.firstByteMs.p50),
        String(row?.firstByteMs.p99),
        isGateway ? String(mib.afterRequestsMib) : '–',
        isGateway ? String(mib.openStreamsMib) : '–',
      ];
    }),
  ]);
  log(
    `request CPU ${line.request_cpu_vs_nginx} × nginx, chunk CPU ${line.chunk_cpu_vs_nginx} × nginx, added TTFB ${line.added_ttfb_ms.p50} ms (p99 ${line.added_ttfb_ms.p99} ms), RSS ${line.rss_mb_after_requests} MB after ${load.memoryRequests} requests, ${line.rss_mb} MB at ${load.openStreams} streams`,
  );
  writeFileSync(
    join(OUT, 'gateway.json'),
    `${JSON.stringify(
      {
        ...line,
        at: new Date().toISOString(),
        slow_us: Number(flags['slow-us']),
        targets: TARGETS,
        load,
        machine: { cpu: cpus()[0]?.model, cores: cpus().length },
        versions: {
          bun: Bun.version,
          nginx: await versionOf([Bun.which('nginx') ?? '/usr/sbin/nginx', '-v']),
          wrk: await versionOf(['wrk', '-v']),
        },
        commands: Object.fromEntries(all.map(({ name, command }) => [name, command])),
        figures,
        memory: Object.fromEntries(memory),
        samples: Object.fromEntries([...samples].map(([{ name }, sample]) => [name, sample])),
      },
      undefined,
      2,
    )}\n`,
  );
  if (flags.json) console.log(JSON.stringify(line));
  for (const text of missed) console.error(`missed: ${text}`);
  return missed.length === 0 || flags['no-check'] ? 0 : 1;
}

process.exit(await main());
