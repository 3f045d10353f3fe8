import type { ModelEntry, ModelLoad } from '@cortex/protocol';

import {
  type Action,
  type AttemptOutcome,
  type CatalogueModel,
  decide,
  type DecideEvent,
  type DecideSettings,
  DecideState,
  DEFAULT_SETTINGS,
  type FleetRequest,
  type LoadOutcome,
  type NodeConfig,
  type Victim,
} from '../src/index.ts';
import { brokenGrants, brokenPromises } from './broken-promises.ts';
import { discovery, entry, health, load } from './build-fleet.ts';

export interface HostShape {
  /** MiB of each GPU. */
  readonly gpus?: readonly number[];
  /** Name of its GPUs. */
  readonly card?: string;
  /** MiB of RAM for models. */
  readonly ramMib?: number;
  /** MiB of other programs on each GPU. */
  readonly foreignMib?: number;
  readonly yielding?: boolean;
  readonly draining?: boolean;
  /** Room that cortexes keep there, the owner and the model; this one is `cortex`. */
  readonly claims?: readonly (readonly [owner: string, model: string, ...from: string[]])[];
  readonly harnesses?: readonly string[];
  /** Models that are loaded, with what differs from the default entry. */
  readonly loaded?: Readonly<Record<string, Partial<ModelEntry>>>;
  /** It puts models to sleep, which then keep so many MiB. */
  readonly keepsAsleepMib?: number;
  /** Seats of its loaded models. */
  readonly seats?: Partial<ModelLoad>;
  /** Models on disk; default: all of the catalogue. */
  readonly onDisk?: readonly string[];
  readonly config?: Partial<NodeConfig>;
}

export interface FleetShape {
  readonly hosts: Readonly<Record<string, HostShape>>;
  readonly models: readonly CatalogueModel[];
  /** MiB that models take at most, with `vramMb` as the least. A node gives them what is free. */
  readonly mostMib?: Readonly<Record<string, number>>;
  readonly settings?: Partial<DecideSettings>;
}

type Kind = Action['kind'];
export type ActionOf<K extends Kind> = Extract<Action, { kind: K }>;

/** A fleet of hosts with the decisions of cortex, and a clock that only `after` moves. */
export class DecidedFleet {
  readonly state = new DecideState();
  readonly actions: Action[] = [];
  #shape: FleetShape;
  readonly #requests = new Map<string, FleetRequest>();
  #nowMs = 1_000_000;
  #count = 0;

  constructor(shape: FleetShape) {
    this.#shape = shape;
    this.configure();
    for (const name of Object.keys(shape.hosts)) this.report(name);
    this.actions.length = 0;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Applies the configuration, changed by `settings`, and from now on with `models`. */
  configure(
    settings: Partial<DecideSettings> = {},
    models = this.#shape.models,
  ): readonly Action[] {
    this.#shape = { ...this.#shape, models };
    const { hosts } = this.#shape;
    const nodes = Object.entries(hosts).map(([name, { config }]) => ({
      name,
      endpoint: `http://${name}`,
      ...config,
    }));
    return this.tell({
      kind: 'config_changed',
      config: { nodes, catalogue: models, aliases: [], failuresBeforeDown: 3 },
      settings: { ...DEFAULT_SETTINGS, ...this.#shape.settings, ...settings },
    });
  }

  /** A report of the host as `shape` describes it, in answer to a poll sent at `sentMs`. */
  report(name: string, changes: HostShape = {}, sentMs = this.#nowMs): readonly Action[] {
    const shape = { ...this.#shape.hosts[name], ...changes };
    const { gpus = [24_000], card = 'gpu', ramMib = 0, foreignMib = 0, yielding = false } = shape;
    const { draining = false, harnesses = ['llama'], loaded = {}, seats = {} } = shape;
    const claims = shape.claims?.map(([owner, model, ...from]) => ({
      owner,
      model,
      from,
      remaining_s: 15,
    }));
    const onDisk = shape.onDisk ?? this.#shape.models.map(({ id }) => id);
    const sizes = new Map(this.#shape.models.map(({ id, vramMb }) => [id, vramMb]));
    const entries = [
      ...onDisk.filter((id) => !(id in loaded)).map((id) => entry(id, { status: 'unloaded' })),
      ...Object.entries(loaded).map(([id, changed]) =>
        entry(id, { devices: [0], vram_used_mb: sizes.get(id), ...changed }),
      ),
    ];
    const cards = gpus.map((mib, index) => ({
      index,
      kind: 'cuda',
      name: card,
      vram_total_mb: mib,
    }));
    const ram = { index: -1, kind: 'cpu', name: 'cpu', vram_total_mb: ramMib };
    const readings = cards.map(({ index, kind, vram_total_mb }) => ({
      index,
      kind,
      yielding,
      foreign_mb: foreignMib,
      vram_free_mb: vram_total_mb - foreignMib,
    }));
    const ramReading = { index: -1, kind: 'cpu', vram_free_mb: ramMib };
    return this.tell({
      kind: 'node_reported',
      node: name,
      sentMs,
      atMs: this.#nowMs,
      health: health(
        Object.entries(loaded).map(([id]) => load(id, seats)),
        { draining, devices: ramMib > 0 ? [...readings, ramReading] : readings, claims },
      ),
      models: entries,
      discovery: discovery({
        harnesses: [...harnesses],
        devices: ramMib > 0 ? [...cards, ram] : cards,
      }),
    });
  }

  /** Tells an event and checks what is always true. */
  tell(event: DecideEvent): readonly Action[] {
    if (event.kind === 'arrived') this.#requests.set(event.request.id, event.request);
    const actions = this.#decided(event);
    this.actions.push(...actions);
    const requestOf = (id: string) => this.#requests.get(id);
    const broken = [...brokenPromises(this.state), ...brokenGrants(this.state, actions, requestOf)];
    if (broken.length > 0) throw new Error(broken.join('; '));
    return actions;
  }

  /** The actions that follow from the event, and from what nodes answer at once: the size that models.toml declares. */
  #decided(event: DecideEvent): readonly Action[] {
    const actions = decide(this.state, event, this.#nowMs);
    const later = only(actions, 'estimate').flatMap(({ node, model }) => {
      const mib = this.#shape.models.find(({ id }) => id === model)?.vramMb;
      const mostMib = this.#shape.mostMib?.[model];
      return this.#decided({ kind: 'estimated', node, model, mib, mostMib });
    });
    return [...actions, ...later];
  }

  /** Moves the clock and tells the time. */
  after(ms: number): readonly Action[] {
    this.#nowMs += ms;
    return this.tell({ kind: 'time' });
  }

  request(model: string, overrides: Partial<FleetRequest> = {}): FleetRequest {
    this.#count += 1;
    return {
      id: `r${this.#count}`,
      model,
      weight: 1,
      stream: true,
      tried: [],
      arrivedMs: this.#nowMs,
      ...overrides,
    };
  }

  ask(model: string, overrides: Partial<FleetRequest> = {}): readonly Action[] {
    return this.tell({ kind: 'arrived', request: this.request(model, overrides) });
  }

  /** Ends the oldest granted request of the model, on `node` if given, that has not ended. */
  answer(
    model: string,
    { node, outcome }: { readonly node?: string; readonly outcome?: AttemptOutcome } = {},
  ): readonly Action[] {
    const at = this.actions.findIndex(
      (action) =>
        action.kind === 'grant' &&
        action.model === model &&
        (node === undefined || action.node === node),
    );
    const [grant] = at === -1 ? [] : this.actions.splice(at, 1);
    if (grant?.kind !== 'grant') throw new Error(`no request of ${model} runs`);
    return this.tell({ kind: 'lease_ended', leaseId: grant.leaseId, outcome });
  }

  /** The victims of a load leave. */
  unload(
    node: string,
    model: string,
    outcome: 'unloaded' | 'slept' | 'kept' = 'unloaded',
  ): readonly Action[] {
    return this.tell({ kind: 'unload_ended', node, model, outcome });
  }

  /** A victim falls asleep; true: it keeps no more than the plan allows. */
  #fallAsleep(node: string, { model, keepsMib }: Victim, told: Action[]): boolean {
    const { keepsAsleepMib = 0 } = this.#shape.hosts[node] ?? {};
    const known = this.state.snapshot.nodes.get(node)?.replicas.get(model);
    const asleep = entry(model, {
      status: 'sleeping',
      can_sleep: true,
      vram_used_mb: keepsAsleepMib,
      devices: [...(known?.devices ?? [])],
      generation: known?.generation ?? 1,
    });
    told.push(
      ...this.tell({ kind: 'model_changed', node, entry: asleep, atMs: this.#nowMs }),
      ...this.unload(node, model, 'slept'),
    );
    return keepsAsleepMib <= keepsMib;
  }

  /** A load ends, the victims having left before. The plan is void if one of them keeps too much asleep. */
  endLoad(
    node: string,
    model: string,
    wanted: LoadOutcome = { kind: 'loaded' },
  ): readonly Action[] {
    const told: Action[] = [];
    const { record, leaving = new Map<string, string>() } =
      this.state.reservation(node, model) ?? {};
    let outcome = wanted;
    for (const victim of record?.victims ?? []) {
      if (!leaving.has(victim.model)) continue;
      if (victim.by === 'unload') told.push(...this.unload(node, victim.model));
      else if (!this.#fallAsleep(node, victim, told)) outcome = { kind: 'changed' };
    }
    if (outcome.kind === 'loaded') {
      const known = this.#shape.models.find(({ id }) => id === model);
      const { devices: planned = [0], takesMib } = this.state.reservation(node, model) ?? {};
      const devices = [...planned];
      const isGreedy = this.#shape.mostMib?.[model] !== undefined;
      const heldMib = isGreedy ? takesMib : known?.vramMb;
      const can_sleep = this.#shape.hosts[node]?.keepsAsleepMib !== undefined;
      told.push(
        ...this.tell({
          kind: 'model_changed',
          node,
          entry: entry(model, { devices, vram_used_mb: heldMib, generation: 2, can_sleep }),
          load: load(model, this.#shape.hosts[node]?.seats),
          atMs: this.#nowMs,
        }),
      );
    }
    return [...told, ...this.tell({ kind: 'load_ended', node, model, outcome })];
  }

  /** Three polls in a row fail. */
  lose(node: string): readonly Action[] {
    return Array.from({ length: 3 }, () =>
      this.tell({ kind: 'node_missed', node, atMs: this.#nowMs, error: 'connection refused' }),
    ).flat();
  }
}

/** The actions of one kind. */
export const only = <K extends Kind>(actions: readonly Action[], kind: K): readonly ActionOf<K>[] =>
  actions.filter((action): action is ActionOf<K> => action.kind === kind);

/** In one word each: `grant a`, `load m on a`, `load m on a after x,y`, `refuse no_room`. Timers, polls and estimates are left out. */
export function told(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((action) => {
    switch (action.kind) {
      case 'grant':
        return `grant ${action.node}`;
      case 'refuse':
        return `refuse ${action.refusal.kind}`;
      case 'load': {
        const victims = action.after.map(({ model }) => model).join();
        return `load ${action.model} on ${action.node}${victims && ` after ${victims}`}`;
      }
      case 'operator_answer':
        return `operator ${action.answer.kind}`;
      case 'keep_load':
        return `keep ${action.model} on ${action.node}`;
      case 'cancel_load':
        return `cancel ${action.model} on ${action.node}`;
      case 'wake_node':
        return `wake ${action.node}`;
      case 'circuit_opened':
        return `avoid ${action.model ?? 'all'} on ${action.node} for ${action.forMs} ms`;
      case 'circuit_closed':
        return `use ${action.model ?? 'all'} on ${action.node} again`;
      case 'replace':
        return `replace ${action.model} on ${action.node}`;
      case 'set_residency': {
        const { ttlS, pinned } = action.residency;
        return `tell ${action.node} ${JSON.stringify({ ttlS, pinned })}`;
      }
      case 'claim':
      case 'release_claim':
      case 'estimate':
      case 'poll':
      case 'timer':
        return [];
    }
  });
}
