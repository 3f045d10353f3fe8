/** What others do, as schedulers of the simulation. */
import type { Policy, SimAction, SimEvent } from './policy.ts';
import { Random } from './random.ts';
import type { Scenario, SimModel } from './scenario.ts';
import { QUEUE_DEPTH } from './sim-host.ts';

/**
 * `lru`: counts memory, unloads the idle models that were used least recently in the fleet, serves waiting requests in
 * order of arrival. `count`: a fixed number of models a host, the host at random. `one_host`: `lru` on the largest host
 * only, waiting requests by the priority of their model, then by arrival.
 */
export type Baseline = 'lru' | 'count' | 'one_host';

/** Models a host in `count`, if they fit. */
const MAX_MODELS = 3;
const RETRY_MS = 1000;

interface Replica {
  readonly model: SimModel;
  isLoaded: boolean;
  own: number;
  lastUsedMs: number;
}

interface Host {
  readonly name: string;
  readonly vramMib: number;
  readonly speed: number;
  isUp: boolean;
  isWaking: boolean;
  foreignMib: number;
  readonly replicas: Map<string, Replica>;
}

interface Waiting {
  readonly id: string;
  readonly model: string;
}

const usedMib = ({ replicas }: Host): number =>
  [...replicas.values()].reduce((sum, { model }) => sum + model.sizeMib, 0);

export class BaselinePolicy implements Policy {
  readonly #kind: Baseline;
  readonly #models: ReadonlyMap<string, SimModel>;
  readonly #hosts: readonly Host[];
  readonly #random = new Random(7);
  #waiting: Waiting[] = [];
  #timerMs = -1;

  constructor(kind: Baseline, { nodes, models }: Scenario) {
    this.#kind = kind;
    this.#models = new Map(models.map((model) => [model.id, model]));
    const largest = nodes.toSorted((a, b) => b.vramMib - a.vramMib)[0];
    this.#hosts = nodes
      .filter((node) => kind !== 'one_host' || node === largest)
      .map(({ name, vramMib, speed, isAsleep = false }) => ({
        name,
        vramMib,
        speed,
        isUp: !isAsleep,
        isWaking: false,
        foreignMib: 0,
        replicas: new Map<string, Replica>(),
      }));
  }

  handle(event: SimEvent, nowMs: number): readonly SimAction[] {
    const actions: SimAction[] = [];
    this.#note(event, nowMs, actions);
    this.#serve(nowMs, actions);
    return actions;
  }

  #note(event: SimEvent, nowMs: number, actions: SimAction[]): void {
    if (event.kind === 'started' || event.kind === 'time') return;
    if (event.kind === 'arrived') {
      const host = this.#readyFor(event.model);
      if (host) this.#grant(host, { id: event.request, model: event.model }, actions);
      else this.#enqueue({ id: event.request, model: event.model });
      return;
    }
    const host = this.#hosts.find(({ name }) => name === event.node);
    if (!host) return;
    if (event.kind === 'node_up' || event.kind === 'node_down') {
      host.isUp = event.kind === 'node_up';
      host.isWaking = false;
      if (!host.isUp) host.replicas.clear();
    } else if (event.kind === 'foreign') host.foreignMib = event.mib;
    else if (event.kind === 'unloaded') {
      // A model that a foreign program displaced; those that were evicted are gone already.
      if (event.why === 'yielded') host.replicas.delete(event.model);
    } else {
      const replica = host.replicas.get(event.model);
      if (!replica) return;
      replica.lastUsedMs = nowMs;
      if (event.kind === 'loaded') replica.isLoaded = true;
      else if (event.kind === 'load_failed') host.replicas.delete(event.model);
      else if (event.kind === 'ended') replica.own -= 1;
    }
  }

  #enqueue(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (this.#kind !== 'one_host') return;
    const priority = ({ model }: Waiting): number => this.#models.get(model)?.priority ?? 0;
    this.#waiting.sort((a, b) => priority(b) - priority(a));
  }

  #readyFor(model: string): Host | undefined {
    let best: Host | undefined;
    let least = Infinity;
    for (const host of this.#hosts) {
      const replica = host.replicas.get(model);
      if (!host.isUp || !replica?.isLoaded) continue;
      if (replica.own >= replica.model.slots + QUEUE_DEPTH || replica.own >= least) continue;
      best = host;
      least = replica.own;
    }
    return best;
  }

  #grant(host: Host, { id, model }: Waiting, actions: SimAction[]): void {
    const replica = host.replicas.get(model);
    if (replica) replica.own += 1;
    actions.push({ kind: 'grant', request: id, node: host.name });
  }

  #serve(nowMs: number, actions: SimAction[]): void {
    const tried = new Set<string>();
    this.#waiting = this.#waiting.filter((waiting) => {
      const host = this.#readyFor(waiting.model);
      if (host) {
        this.#grant(host, waiting, actions);
        return false;
      }
      if (tried.has(waiting.model)) return true;
      tried.add(waiting.model);
      const isThere = this.#hosts.some((one) => one.isUp && one.replicas.has(waiting.model));
      return isThere || !this.#cannotFit(waiting, nowMs, actions);
    });
    if (this.#waiting.length > 0 && this.#kind === 'count' && this.#timerMs <= nowMs) {
      this.#timerMs = nowMs + RETRY_MS;
      actions.push({ kind: 'timer', atMs: this.#timerMs });
    }
  }

  /** Starts a load where it can; true if the request is refused because no host can ever hold the model. */
  #cannotFit({ id, model }: Waiting, nowMs: number, actions: SimAction[]): boolean {
    const wanted = this.#models.get(model);
    if (!wanted) return false;
    const large = this.#hosts.filter(({ vramMib }) => vramMib >= wanted.sizeMib);
    if (large.length === 0) {
      actions.push({ kind: 'refuse', request: id });
      return true;
    }
    const able = large.filter((host) => host.isUp);
    const plan =
      this.#kind === 'count' ? this.#countPlan(able, wanted) : this.#lruPlan(able, wanted);
    if (plan) {
      for (const victim of plan.victims) plan.host.replicas.delete(victim);
      plan.host.replicas.set(model, { model: wanted, isLoaded: false, own: 0, lastUsedMs: nowMs });
      actions.push({ kind: 'load', model, node: plan.host.name, victims: plan.victims });
      return false;
    }
    const asleep = large.find((host) => !host.isUp && !host.isWaking);
    if (able.length === 0 && asleep) {
      asleep.isWaking = true;
      actions.push({ kind: 'wake', node: asleep.name });
    }
    return false;
  }

  /** Where there is room; else where the least recently used of its idle models were used longest ago. */
  #lruPlan(able: readonly Host[], wanted: SimModel) {
    let best: { host: Host; victims: string[]; usedMs: number; freeMib: number } | undefined;
    for (const host of able) {
      let freeMib = host.vramMib - host.foreignMib - usedMib(host);
      const victims: string[] = [];
      let usedMs = -Infinity;
      for (const victim of idleOf(host)) {
        if (freeMib >= wanted.sizeMib) break;
        victims.push(victim.model.id);
        freeMib += victim.model.sizeMib;
        usedMs = victim.lastUsedMs;
      }
      if (freeMib < wanted.sizeMib) continue;
      const isBetter =
        !best || usedMs < best.usedMs || (usedMs === best.usedMs && freeMib > best.freeMib);
      if (isBetter) best = { host, victims, usedMs, freeMib };
    }
    return best;
  }

  #countPlan(able: readonly Host[], wanted: SimModel) {
    if (able.length === 0) return undefined;
    const host = this.#random.pick(able);
    const victims: string[] = [];
    let freeMib = host.vramMib - host.foreignMib - usedMib(host);
    for (const victim of idleOf(host)) {
      if (freeMib >= wanted.sizeMib && host.replicas.size - victims.length < MAX_MODELS) break;
      victims.push(victim.model.id);
      freeMib += victim.model.sizeMib;
    }
    const isPlan = freeMib >= wanted.sizeMib && host.replicas.size - victims.length < MAX_MODELS;
    return isPlan ? { host, victims } : undefined;
  }
}

const idleOf = ({ replicas }: Host): readonly Replica[] =>
  [...replicas.values()]
    .filter(({ isLoaded, own }) => isLoaded && own === 0)
    .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
