/** The product's decisions as a scheduler of the simulation. */
import {
  type Action,
  decide,
  type DecideEvent,
  type DecideSettings,
  DecideState,
  DEFAULT_SETTINGS,
  type FleetRequest,
} from '@cortex/fleet';

import { brokenGrants, brokenPromises } from '../../packages/fleet/test/broken-promises.ts';
import { discovery, entry, health, load } from '../../packages/fleet/test/build-fleet.ts';
import type { Policy, SimAction, SimEvent } from './policy.ts';
import type { Scenario, SimNode } from './scenario.ts';
import { QUEUE_DEPTH } from './sim-host.ts';

const MISSES = 3;

/** What the end of a request says about its node. */
const OUTCOMES = {
  ended: { kind: 'succeeded' },
  broken: { kind: 'failed', code: 'upstream_disconnected' },
} as const;

export interface Decided {
  readonly event: DecideEvent;
  readonly actions: readonly Action[];
  readonly tookUs: number;
  /** After it. */
  readonly state: DecideState;
}

export interface DecidePolicyOptions {
  readonly settings?: Partial<DecideSettings>;
  /** Check what is always true after every so many events; 0: never. */
  readonly checkEvery?: number;
  /** CPU that is added to every decision, µs. */
  readonly slowUs?: number;
  /** Gets every decision and its time, µs. */
  readonly timed?: (decided: Decided) => void;
}

function spin(us: number): void {
  const endNs = us > 0 ? Bun.nanoseconds() + us * 1000 : 0;
  while (Bun.nanoseconds() < endNs);
}

export class DecidePolicy implements Policy {
  readonly state = new DecideState();
  readonly #scenario: Scenario;
  readonly #options: DecidePolicyOptions;
  readonly #nodes: ReadonlyMap<string, SimNode>;
  readonly #leases = new Map<string, string>();
  readonly #requests = new Map<string, FleetRequest>();
  readonly #generations = new Map<string, number>();
  readonly #foreign = new Map<string, number>();
  readonly #broken: string[] = [];
  #events = 0;

  constructor(scenario: Scenario, options: DecidePolicyOptions = {}) {
    this.#scenario = scenario;
    this.#options = options;
    this.#nodes = new Map(scenario.nodes.map((node) => [node.name, node]));
  }

  violations(): readonly string[] {
    return this.#broken;
  }

  handle(event: SimEvent, nowMs: number): readonly SimAction[] {
    const done: SimAction[] = [];
    const events = [...this.#translate(event, nowMs)];
    for (let told = events.shift(); told; told = events.shift()) {
      const startNs = this.#options.timed ? Bun.nanoseconds() : 0;
      const actions = decide(this.state, told, nowMs);
      spin(this.#options.slowUs ?? 0);
      const tookUs = (Bun.nanoseconds() - startNs) / 1000;
      this.#options.timed?.({ event: told, actions, tookUs, state: this.state });
      for (const action of actions) {
        if (action.kind === 'estimate') events.push(this.#estimated(action));
        else this.#perform(action, done);
      }
      this.#check(actions, nowMs);
    }
    return done;
  }

  #check(actions: readonly Action[], nowMs: number): void {
    const { checkEvery = 1 } = this.#options;
    this.#events += 1;
    if (checkEvery === 0 || this.#events % checkEvery !== 0) return;
    const requestOf = (id: string): FleetRequest | undefined => this.#requests.get(id);
    const broken = [...brokenPromises(this.state), ...brokenGrants(this.state, actions, requestOf)];
    for (const text of broken) this.#broken.push(`${Math.round(nowMs)} ms: ${text}`);
  }

  #translate(event: SimEvent, nowMs: number): readonly DecideEvent[] {
    switch (event.kind) {
      case 'started':
        return this.#start(nowMs);
      case 'arrived':
        return [this.#arrived(event, nowMs)];
      case 'ended':
      case 'broken': {
        const leaseId = this.#leases.get(event.request) ?? '';
        this.#leases.delete(event.request);
        this.#requests.delete(event.request);
        return [{ kind: 'lease_ended', leaseId, outcome: OUTCOMES[event.kind] }];
      }
      case 'loaded':
        return this.#loaded(event, nowMs);
      case 'load_failed': {
        const outcome = { kind: 'failed', reason: 'out of memory', isTransient: true } as const;
        return [{ ...event, kind: 'load_ended', outcome }];
      }
      case 'unloaded':
        return [{ ...event, kind: 'unload_ended', outcome: 'unloaded' }];
      case 'node_up':
        return [this.#report(event.node, nowMs)];
      case 'node_down':
        return Array.from({ length: MISSES }, () => ({
          kind: 'node_missed',
          node: event.node,
          atMs: nowMs,
          error: 'connection refused',
        }));
      case 'foreign':
        this.#foreign.set(event.node, event.mib);
        return [
          {
            kind: 'devices_changed',
            node: event.node,
            devices: this.#devices(event.node),
            atMs: nowMs,
          },
        ];
      case 'time':
        return [{ kind: 'time' }];
    }
  }

  #start(nowMs: number): readonly DecideEvent[] {
    const { nodes, models } = this.#scenario;
    const config = {
      nodes: nodes.map(({ name, speed, isAsleep = false }) => ({
        name,
        endpoint: `http://${name}`,
        weight: speed,
        expectedOffline: isAsleep,
        wakeMs: isAsleep ? 120_000 : undefined,
      })),
      catalogue: models.map(({ id, sizeMib, slots }) => ({ id, vramMb: sizeMib, slots })),
      aliases: [],
      failuresBeforeDown: MISSES,
    };
    const settings = {
      ...DEFAULT_SETTINGS,
      maxWaiting: 1_000_000,
      maxWaitMs: 3_600_000,
      ...this.#options.settings,
    };
    const reports = nodes.flatMap((node): DecideEvent[] =>
      node.isAsleep === true
        ? [
            this.#report(node.name, nowMs),
            ...this.#translate({ kind: 'node_down', node: node.name }, nowMs),
          ]
        : [this.#report(node.name, nowMs)],
    );
    return [{ kind: 'config_changed', config, settings }, ...reports];
  }

  #devices(name: string) {
    const node = this.#nodes.get(name);
    const foreignMib = this.#foreign.get(name) ?? 0;
    return [
      {
        index: 0,
        kind: 'cuda',
        vram_free_mb: (node?.vramMib ?? 0) - foreignMib,
        foreign_mb: foreignMib,
      },
    ];
  }

  #report(name: string, nowMs: number): DecideEvent {
    const vramMib = this.#nodes.get(name)?.vramMib ?? 0;
    const onDisk = this.#scenario.models.map(({ id }) => entry(id, { status: 'unloaded' }));
    const device = { index: 0, name: 'gpu', kind: 'cuda', vram_total_mb: vramMib };
    return {
      kind: 'node_reported',
      node: name,
      sentMs: nowMs,
      atMs: nowMs,
      health: health([], { devices: this.#devices(name) }),
      models: onDisk,
      discovery: discovery({ devices: [device] }),
    };
  }

  #arrived(
    { request, model, conversation }: Extract<SimEvent, { kind: 'arrived' }>,
    nowMs: number,
  ): DecideEvent {
    const wanted: FleetRequest = {
      id: request,
      model,
      weight: 1,
      stream: true,
      affinityKey: () => conversation,
      tried: [],
      arrivedMs: nowMs,
    };
    this.#requests.set(request, wanted);
    return { kind: 'arrived', request: wanted };
  }

  #loaded(
    { node, model }: Extract<SimEvent, { kind: 'loaded' }>,
    nowMs: number,
  ): readonly DecideEvent[] {
    const key = `${node} ${model}`;
    const generation = (this.#generations.get(key) ?? 0) + 1;
    this.#generations.set(key, generation);
    const wanted = this.#scenario.models.find(({ id }) => id === model);
    const seats = load(model, { max_in_flight: wanted?.slots ?? 1, max_queue_depth: QUEUE_DEPTH });
    const loaded = entry(model, { generation, devices: [0], vram_used_mb: wanted?.sizeMib });
    return [
      { kind: 'model_changed', node, entry: loaded, load: seats, atMs: nowMs },
      { kind: 'load_ended', node, model, outcome: { kind: 'loaded' } },
    ];
  }

  #estimated({ node, model }: Extract<Action, { kind: 'estimate' }>): DecideEvent {
    const mib = this.#scenario.models.find(({ id }) => id === model)?.sizeMib;
    return { kind: 'estimated', node, model, mib };
  }

  #perform(action: Action, done: SimAction[]): void {
    switch (action.kind) {
      case 'grant':
        this.#leases.set(action.requestId, action.leaseId);
        done.push({ kind: 'grant', request: action.requestId, node: action.node });
        return;
      case 'refuse':
        this.#requests.delete(action.requestId);
        done.push({ kind: 'refuse', request: action.requestId });
        return;
      case 'load': {
        const victims = action.after.map(({ model }) => model);
        done.push({ kind: 'load', model: action.model, node: action.node, victims });
        return;
      }
      case 'cancel_load':
        done.push({ kind: 'cancel', model: action.model, node: action.node });
        return;
      case 'wake_node':
        done.push({ kind: 'wake', node: action.node });
        return;
      case 'timer':
        done.push({ kind: 'timer', atMs: action.atMs });
        return;
      case 'claim':
      case 'release_claim':
      case 'replace':
      case 'set_residency':
      case 'estimate':
      case 'circuit_opened':
      case 'circuit_closed':
      case 'keep_load':
      case 'operator_answer':
      case 'poll':
    }
  }
}
