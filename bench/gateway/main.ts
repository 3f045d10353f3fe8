/**
 * `npm run bench:gateway`: the cost of cortex in front of a node, compared with nginx as a proxy and with the node
 * alone. Streams are also measured with clients of Anthropic's API, for which cortex translates every chunk and nginx
 * passes the node's own stream.
 *
 * `--json` prints one line for scripts, `--no-check` exits with 0 even when a target is missed, `--rounds N`,
 * `--quick` (short rounds, for a trial), `--slow-us N` (burns CPU in the gateway, to check that the figures
 * change), `--tools-only` (reports missing tools, and measures nothing).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';

import { lineOf, type Measurements, missedBy, type Samples } from './figures.ts';
import {
  measureChunks,
  measureFirstBytes,
  measureFirstContent,
  measureRequests,
  type Route,
  warmUp,
} from './measure.ts';
import {
  type LongStreamSample,
  measureLongStream,
  measureMemory,
  type MemorySample,
} from './memory.ts';
import { readOptions } from './options.ts';
import { Contenders, type Measured } from './processes.ts';
import { formatLine, formatTable, toFile } from './report.ts';

const OUT = resolve(import.meta.dir, '../out');

const options = readOptions();
const { load } = options;
const log = (text: string): void => {
  if (!options.isJson) console.log(text);
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

type SamplesOf = ReadonlyMap<Route, Samples>;

/** All routes in one round. The order rotates, so that a slow moment of the machine affects all of them equally. */
async function measureRound(routes: readonly Route[], round: number, samplesOf: SamplesOf) {
  const rotated = [
    ...routes.slice(round % routes.length),
    ...routes.slice(0, round % routes.length),
  ];
  const each = async (measure: (route: Route, samples: Samples) => Promise<void>) => {
    for (const route of rotated) {
      const samples = samplesOf.get(route);
      if (samples) await measure(route, samples);
    }
  };
  await each(async ({ target, api }, { requests, busyRequests }) => {
    if (api !== 'openai') return;
    requests.push(await measureRequests(target, load, load.connections));
    busyRequests.push(await measureRequests(target, load, load.busyConnections));
  });
  await each(async (route, { chunks }) => {
    chunks.push(await measureChunks(route, load));
  });
  await each(async (route, { firstByte }) => {
    if (route.api === 'openai') firstByte.push(await measureFirstBytes(route, load));
  });
  await each(async (route, { firstContent }) => {
    firstContent.push(await measureFirstContent(route, load));
  });
}

async function measure(routes: readonly Route[]): Promise<Measurements> {
  const samplesOf = new Map<Route, Samples>(
    routes.map((route) => [
      route,
      { requests: [], busyRequests: [], chunks: [], firstByte: [], firstContent: [] },
    ]),
  );
  log('warming up');
  await warmUp(routes, load);
  for (let round = 0; round < load.rounds; round += 1) {
    log(`round ${round + 1} of ${load.rounds}`);
    await measureRound(routes, round, samplesOf);
  }
  const longStream = new Map<Route['name'], LongStreamSample>();
  for (const route of routes.filter(({ api }) => api === 'anthropic')) {
    log(`a stream of ${load.longStreamChunks} chunks through ${route.name}`);
    longStream.set(route.name, await measureLongStream(route, load));
  }
  const memory = new Map<Route['name'], MemorySample>();
  for (const { name, target, api } of routes) {
    if (name === 'upstream' || api === 'anthropic') continue;
    log(`${load.memoryRequests} requests, then ${load.openStreams} open streams through ${name}`);
    memory.set(name, await measureMemory(target, load));
  }
  const samples = new Map([...samplesOf].map(([{ name }, each]) => [name, each]));
  return { samples, memory, longStream };
}

async function startContenders(contenders: Contenders): Promise<readonly Measured[]> {
  const upstream = await contenders.startUpstream();
  const nginx = await contenders.startNginx(upstream);
  return [upstream, nginx, await contenders.startCortex(upstream, options.slowUs)];
}

/** cortex twice: for clients that speak as its nodes do, and for others. */
const routesOf = (contenders: readonly Measured[]): readonly Route[] =>
  contenders.flatMap((target): Route[] => {
    const same: Route = { name: target.name, target, api: 'openai' };
    if (target.name !== 'cortex') return [same];
    return [same, { name: 'cortex, translated', target, api: 'anthropic' }];
  });

async function main(): Promise<number> {
  requireTools();
  if (options.isToolCheck) return 0;
  const [, , loadBefore = Number.NaN] = loadavg();
  mkdirSync(OUT, { recursive: true });
  const processes = new Contenders(join(OUT, `gateway-${process.pid}`));
  try {
    const contenders = await startContenders(processes);
    const measured = await measure(routesOf(contenders));
    const line = lineOf(measured);
    log(formatTable(measured));
    log(formatLine(line, options));
    const file = await toFile({ line, options, contenders, measured, loadBefore });
    writeFileSync(join(OUT, 'gateway.json'), `${JSON.stringify(file, undefined, 2)}\n`);
    if (options.isJson) console.log(JSON.stringify(line));
    const missed = missedBy(line);
    for (const text of missed) console.error(`missed: ${text}`);
    return missed.length === 0 || !options.isChecked ? 0 : 1;
  } finally {
    await processes.stop();
  }
}

process.exit(await main());
