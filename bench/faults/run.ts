import { type Fleet, measureNeed, startFleet } from '../../test/e2e/fleet.ts';
import { percentile } from '../statistics.ts';
import { askOnce, demand, emptyTally, type Tally } from './demand.ts';
import { disturbUntil, type FaultCounts, hadEveryFault, type Target } from './disturb.ts';
import { leftovers, logOf, wrongRecords } from './leftovers.ts';
import { Link } from './link.ts';
import { Witness } from './witness.ts';

/** Models that fit on each node: all of them on all nodes. While a node is lost, models take turns. */
const PLACES = [1, 1, 2, 2];
const MODELS = ['a', 'b', 'c', 'd', 'e', 'f'];
/** Clients that ask all the time. */
const CLIENTS = 80;
/** Nodes that are disturbed at a time, at most. */
const DISTURBERS = 2;
const MAX_CROWD = 1000;
const PROGRESS_MS = 10_000;

/**
 * Short times, so that a run sees many turns and many nodes that go down and come back. A frozen node is silent for
 * longer than `stream_idle_s` and a live one never, because it sends keep-alives.
 */
const CORTEX_TOML = `
[control]
poll_interval_s = 0.5
failures_before_down = 2
[timeouts]
connect_s = 1
stream_idle_s = 8
[eviction]
min_residency_s = 1
[queue]
starve_s = 3
hold_s = 0
max_waiting = 2000
max_wait_s = 60
max_hold_s = 60
`;

export interface FaultFigures {
  readonly seed: number;
  readonly requests: number;
  readonly answered: number;
  /** Clients that left early. */
  readonly left: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  /** Simultaneous requests for one cold model before the faults, and the loads that they caused. */
  readonly crowd: { readonly requests: number; readonly loads: number };
  readonly loads: number;
  readonly unloads: number;
  /** From a request to the first content of its answer, ms. */
  readonly wait_ms: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly duration_s: number;
  /** What is left in the gateway and on the nodes. */
  readonly leftovers: number;
  /** In words: what must never happen, leftovers included. */
  readonly violations: readonly string[];
}

interface FaultOptions {
  /** At least: clients go on until every kind of fault has happened. */
  readonly requests: number;
  readonly seed: number;
  readonly onProgress: (text: string) => void;
  /** Gets the log of each daemon at the end. */
  readonly onLog?: (daemon: string, text: string) => void;
}

interface Scene extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly targets: readonly Target[];
  readonly witness: Witness;
}

async function createScene(): Promise<Scene> {
  const need = await measureNeed();
  const links = new Map<string, Link>();
  const fleet = await startFleet({
    // Half a model is room for what an estimate lacks.
    hosts: PLACES.map((places, index) => ({
      name: `node-${index}`,
      memoryMib: Math.ceil((places + 0.5) * need),
    })),
    models: MODELS,
    cortexToml: CORTEX_TOML,
    endpointOf: async ({ name, url }) => {
      const link = await Link.to(url);
      links.set(name, link);
      return link.url;
    },
  });
  const witness = new Witness(
    fleet.hosts.map((host, index) => ({ host, places: PLACES[index] ?? 0 })),
  );
  const targets = fleet.hosts.flatMap((host) => {
    const link = links.get(host.name);
    return link === undefined ? [] : [{ host, link, onStart: () => witness.follow(host) }];
  });
  return {
    fleet,
    targets,
    witness,
    async [Symbol.asyncDispose]() {
      await witness.close();
      await fleet[Symbol.asyncDispose]();
      await Promise.all([...links.values()].map((link) => link.close()));
    },
  };
}

/** Simultaneous requests for a cold model of a healthy fleet: one load, and every request is answered. */
async function crowd({ fleet, witness }: Scene, requests: number, tally: Tally) {
  const [model = ''] = MODELS;
  const question = { model, route: 'chat', isStream: false, maxTokens: 1 } as const;
  const from = { api: fleet.api, name: 'crowd' };
  const asked = Array.from({ length: requests }, () => askOnce(from, question, tally));
  const failed = (await Promise.all(asked)).filter(({ kind }) => kind !== 'answered');
  const loads = witness.loads.get(model) ?? 0;
  if (loads !== 1) tally.violations.push(`${requests} requests for one model: ${loads} loads`);
  if (failed.length > 0) tally.violations.push(`${failed.length} of a crowd were not answered`);
  return { requests, loads };
}

/** Demand under faults, until `options.requests` were asked and every kind of fault has happened. */
async function storm(
  { fleet, targets }: Scene,
  { requests, seed, onProgress }: FaultOptions,
  tally: Tally,
): Promise<FaultCounts> {
  const counts: FaultCounts = new Map();
  const stop = new AbortController();
  const free = [...targets];
  const disturbers = Array.from({ length: DISTURBERS }, (_, index) =>
    disturbUntil(free, { seed: seed * 10 + index, counts, stop: stop.signal }),
  );
  const progress = setInterval(() => {
    const faults = [...counts.values()].reduce((sum, count) => sum + count, 0);
    onProgress(`${tally.asked} requests, ${tally.answered} answered, ${faults} faults`);
  }, PROGRESS_MS);
  const goesOn = ({ asked }: Tally): boolean => asked < requests || !hadEveryFault(counts);
  const from = { api: fleet.api, name: 'storm' };
  try {
    // The demand goes on until every fault has been there: one that cannot be made ends the run.
    await Promise.race([
      demand({ ...from, models: MODELS, clients: CLIENTS, seed, goesOn }, tally),
      Promise.all(disturbers),
    ]);
  } finally {
    clearInterval(progress);
    stop.abort();
    await Promise.all(disturbers);
  }
  return counts;
}

/** One request for every model of the fleet that is whole again. */
async function lastRequests({ fleet }: Scene, tally: Tally): Promise<void> {
  const from = { api: fleet.api, name: 'last' };
  await Promise.all(
    MODELS.map(async (model) => {
      const question = { model, route: 'chat', isStream: true, maxTokens: 8 } as const;
      const { kind } = await askOnce(from, question, tally);
      if (kind !== 'answered') tally.violations.push(`after the faults, ${model}: ${kind}`);
    }),
  );
}

const waitsOf = ({ waitsMs }: Tally) => {
  const at = (ratio: number): number => Math.round(percentile(waitsMs, ratio));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
};

/**
 * Runs requests through a real gateway and four real neurons while these are killed, frozen and cut off, and says what
 * must never happen but did.
 */
export async function runFaults(options: FaultOptions): Promise<FaultFigures> {
  const { requests, seed, onProgress } = options;
  const startMs = performance.now();
  await using scene = await createScene();
  const { fleet, witness } = scene;
  const calm = emptyTally();
  const tally = emptyTally();
  const crowdSize = Math.min(MAX_CROWD, Math.ceil(requests / 10));
  onProgress(`${crowdSize} simultaneous requests for one cold model`);
  const crowdFigures = await crowd(scene, crowdSize, calm);
  onProgress(`${requests} requests under faults (seed ${seed})`);
  const faults = await storm(scene, options, tally);
  await fleet.allUp();
  const left = await leftovers(fleet);
  const last = emptyTally();
  await lastRequests(scene, last);
  const tallies = [calm, tally, last];
  const records = await wrongRecords(fleet, {
    ids: tallies.flatMap(({ ids }) => ids),
    leftIds: tallies.flatMap(({ leftIds }) => leftIds),
  });
  const answers = tallies.flatMap(({ violations }) => violations);
  options.onLog?.('gateway', fleet.gateway.output);
  for (const { name, output } of fleet.hosts) options.onLog?.(name, output);
  return {
    seed,
    requests: tally.asked,
    answered: tally.answered,
    left: tally.left,
    errors: Object.fromEntries(tally.errors),
    faults: Object.fromEntries(faults),
    crowd: crowdFigures,
    loads: witness.loadCount,
    unloads: witness.unloads,
    wait_ms: waitsOf(tally),
    duration_s: Math.round((performance.now() - startMs) / 1000),
    leftovers: left.length,
    violations: [...answers, ...logOf(fleet, answers), ...witness.violations, ...left, ...records],
  };
}
