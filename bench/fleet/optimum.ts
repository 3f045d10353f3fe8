/**
 * The least total wait of a scheduler that knows all requests to come, and loads a model once a request waits for it: 3
 * hosts of one model each, 4 models.
 */
import { Random } from './random.ts';
import type { Scenario } from './scenario.ts';
import { START_MS, UNLOAD_MS } from './sim-host.ts';

const HOSTS = 3;
const MODELS = 4;
const REQUESTS = 14;
const SIZE_MIB = 10_000;
const LOAD_MIB_S = 1000;
/** Times are whole steps of this, so that equal situations meet. */
const STEP_MS = 1000;
const MAX_STATES = 2_000_000;

/** Single requests at random moments, for models of unlike popularity. */
export function smallScenario(seed: number): Scenario {
  const random = new Random(seed);
  const models = Array.from({ length: MODELS }, (_, index) => ({
    id: `m${index}`,
    sizeMib: SIZE_MIB,
    slots: 100,
    priority: 1,
  }));
  const nodes = Array.from({ length: HOSTS }, (_, index) => ({
    name: `n${index}`,
    vramMib: SIZE_MIB,
    loadMibS: LOAD_MIB_S,
    speed: 1,
  }));
  let atMs = 0;
  const conversations = Array.from({ length: REQUESTS }, (_, index) => {
    atMs += STEP_MS * Math.round(random.exponential(8));
    const decodeMs = STEP_MS * (1 + random.below(8));
    const turn = { model: `m${random.below(MODELS)}`, pauseMs: 0, prefillMs: 0, decodeMs };
    return { id: `c${index}`, startMs: atMs, turns: [turn] };
  });
  return { name: 'small', nodes, models, conversations, incidents: [] };
}

interface Job {
  readonly atMs: number;
  readonly model: number;
  readonly tookMs: number;
}

/** A host: its model, -1 for none, and until when it loads or answers. */
interface HostState {
  readonly model: number;
  readonly readyMs: number;
  readonly busyMs: number;
}

const LOAD_MS = START_MS + (1000 * SIZE_MIB) / LOAD_MIB_S;

/**
 * By exhaustive search with memory of what was seen. At each moment at which something happens every idle host may
 * start the load of any model that a request waits for. A request is served at once where its model is ready.
 *
 * @returns ms of waiting of all requests together; undefined if the search was too large.
 */
export function leastWaitMs(scenario: Scenario): number | undefined {
  const jobs = scenario.conversations.map(({ startMs, turns }): Job => {
    const [turn] = turns;
    return { atMs: startMs, model: Number(turn?.model.slice(1)), tookMs: turn?.decodeMs ?? 0 };
  });
  const known = new Map<string, number>();
  const search = (
    nowMs: number,
    hosts: readonly HostState[],
    waiting: readonly number[],
    next: number,
  ): number => {
    const served = serve({ nowMs, hosts, waiting, next }, jobs);
    if (served.waiting.length === 0 && served.next === jobs.length) return 0;
    const key = keyOf(nowMs, served);
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size > MAX_STATES) return Infinity;
    let best = Infinity;
    for (const planned of loadChoices(nowMs, served, jobs)) {
      const thenMs = nextMoment(nowMs, { hosts: planned, next: served.next }, jobs);
      if (thenMs === Infinity) continue;
      const waited = served.waiting.length * (thenMs - nowMs);
      if (waited >= best) continue;
      best = Math.min(best, waited + search(thenMs, planned, served.waiting, served.next));
    }
    known.set(key, best);
    return best;
  };
  const empty = Array.from({ length: HOSTS }, () => ({ model: -1, readyMs: 0, busyMs: 0 }));
  const least = search(0, empty, [], 0);
  return known.size > MAX_STATES || least === Infinity ? undefined : least;
}

interface Moment {
  readonly hosts: readonly HostState[];
  /** Models of the requests that wait, with their times as `model,tookMs` pairs in jobs. */
  readonly waiting: readonly number[];
  readonly next: number;
}

/** Starts every request whose model is ready; equal hosts are put in order, so that equal situations meet. */
function serve(
  { nowMs, ...moment }: Moment & { readonly nowMs: number },
  jobs: readonly Job[],
): Moment {
  let { next } = moment;
  const waiting = [...moment.waiting];
  while (next < jobs.length && (jobs[next]?.atMs ?? 0) <= nowMs) {
    waiting.push(next);
    next += 1;
  }
  const hosts = [...moment.hosts];
  const left = waiting.filter((index) => {
    const job = jobs[index];
    const at = hosts.findIndex(({ model, readyMs }) => model === job?.model && readyMs <= nowMs);
    const host = hosts[at];
    if (!job || !host) return true;
    hosts[at] = { ...host, busyMs: Math.max(host.busyMs, nowMs + job.tookMs) };
    return false;
  });
  return { hosts: hosts.toSorted((a, b) => a.model - b.model), waiting: left, next };
}

const keyOf = (nowMs: number, { hosts, waiting, next }: Moment): string =>
  `${nowMs}|${next}|${waiting.join()}|${hosts
    .map(({ model, readyMs, busyMs }) =>
      [model, Math.max(0, readyMs - nowMs), Math.max(0, busyMs - nowMs)].join(),
    )
    .join(';')}`;

/** Every set of loads that idle hosts may start now, none included. */
function* loadChoices(
  nowMs: number,
  { hosts, waiting, next }: Moment,
  jobs: readonly Job[],
  from = 0,
): Generator<readonly HostState[]> {
  yield hosts;
  const wanted = new Set(waiting.map((index) => jobs[index]?.model));
  for (const { model } of hosts) wanted.delete(model);
  for (let at = from; at < hosts.length; at += 1) {
    const host = hosts[at];
    if (!host || host.readyMs > nowMs || host.busyMs > nowMs) continue;
    for (const model of wanted) {
      if (model === undefined) continue;
      const readyMs = nowMs + LOAD_MS + (host.model >= 0 ? UNLOAD_MS : 0);
      const planned = hosts.with(at, { model, readyMs, busyMs: readyMs });
      yield* loadChoices(nowMs, { hosts: planned, waiting, next }, jobs, at + 1);
    }
  }
}

function nextMoment(
  nowMs: number,
  { hosts, next }: Pick<Moment, 'hosts' | 'next'>,
  jobs: readonly Job[],
): number {
  let thenMs = jobs[next]?.atMs ?? Infinity;
  for (const { readyMs, busyMs } of hosts) {
    if (readyMs > nowMs) thenMs = Math.min(thenMs, readyMs);
    if (busyMs > nowMs) thenMs = Math.min(thenMs, busyMs);
  }
  return thenMs;
}
