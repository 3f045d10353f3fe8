/** The simulated fleet: memory, loads, slots and conversations. Performs what a scheduler decides. */
import { EventHeap } from './event-heap.ts';
import type { Happening } from './happening.ts';
import type { Policy, SimAction, SimEvent } from './policy.ts';
import type { Conversation, Incident, Scenario, SimModel } from './scenario.ts';
import {
  heldMib,
  QUEUE_DEPTH,
  type Running,
  type SimHost,
  type SimReplica,
  START_MS,
  takeMemory,
  turnOf,
  UNLOAD_MS,
} from './sim-host.ts';
import { type SimResult, Tally } from './tally.ts';

const WAKE_MS = 20_000;
/** A turn whose prefix is still in the cache reads only what is new. */
const CACHED_PREFILL = 0.1;
export class World {
  readonly #policy: Policy;
  readonly #hosts: ReadonlyMap<string, SimHost>;
  readonly #models: ReadonlyMap<string, SimModel>;
  readonly #heap = new EventHeap<Happening>();
  readonly #waiting = new Map<string, Running>();
  readonly #active = new Map<
    string,
    { readonly running: Running; readonly host: SimHost; readonly replica: SimReplica }
  >();
  readonly #tally = new Tally();
  #nowMs = 0;
  #loadIds = 0;
  #openTurns = 0;

  constructor(scenario: Scenario, policy: Policy) {
    this.#policy = policy;
    this.#models = new Map(scenario.models.map((model) => [model.id, model]));
    this.#hosts = new Map(
      scenario.nodes.map((node) => [
        node.name,
        {
          node,
          isUp: node.isAsleep !== true,
          foreignMib: 0,
          slowness: 1,
          replicas: new Map<string, SimReplica>(),
        },
      ]),
    );
    for (const conversation of scenario.conversations) {
      this.#openTurns += 1;
      this.#heap.add(conversation.startMs, { kind: 'turn', conversation, turn: 0 });
    }
    for (const incident of scenario.incidents)
      this.#heap.add(incident.atMs, { kind: 'incident', incident });
  }

  run(): SimResult {
    this.#tell({ kind: 'started' });
    while (this.#openTurns > 0) {
      const next = this.#heap.next();
      if (!next) {
        this.#violate(`${this.#openTurns} requests are never answered`);
        break;
      }
      this.#nowMs = next.atMs;
      this.#happen(next.item);
    }
    return this.#tally.result(this.#policy.violations?.() ?? []);
  }

  #violate(text: string): void {
    this.#tally.violated(text, this.#nowMs);
  }

  #happen(happening: Happening): void {
    switch (happening.kind) {
      case 'turn':
        this.#ask(happening.conversation, happening.turn);
        break;
      case 'end':
        this.#end(happening);
        break;
      case 'load_end':
        this.#loadEnd(happening);
        break;
      case 'unload_end': {
        const { host, model } = happening;
        const node = host.node.name;
        if (host.isUp) this.#tell({ kind: 'unloaded', model, node, why: 'evicted' });
        break;
      }
      case 'incident':
        this.#incident(happening.incident);
        break;
      case 'woke':
        happening.host.isUp = true;
        this.#tell({ kind: 'node_up', node: happening.host.node.name });
        break;
      case 'timer':
        this.#tell({ kind: 'time' });
        break;
    }
  }

  #ask(conversation: Conversation, turn: number): void {
    const { model } = turnOf(conversation, turn);
    const id = `${conversation.id}/${turn}`;
    this.#waiting.set(id, { id, conversation, turn, arrivedMs: this.#nowMs });
    this.#tell({ kind: 'arrived', request: id, model, conversation: conversation.id });
  }

  #tell(event: SimEvent): void {
    const queue: SimEvent[] = [event];
    for (let next = queue.shift(); next; next = queue.shift()) {
      for (const action of this.#policy.handle(next, this.#nowMs)) this.#perform(action, queue);
    }
  }

  #perform(action: SimAction, told: SimEvent[]): void {
    switch (action.kind) {
      case 'grant':
        this.#grant(action.request, action.node);
        break;
      case 'refuse':
        this.#refuse(action.request);
        break;
      case 'load':
        this.#load(action, told);
        break;
      case 'cancel':
        break;
      case 'wake': {
        const host = this.#hosts.get(action.node);
        if (host) this.#heap.add(this.#nowMs + WAKE_MS, { kind: 'woke', host });
        break;
      }
      case 'timer':
        if (Number.isFinite(action.atMs))
          this.#heap.add(Math.max(this.#nowMs, action.atMs), { kind: 'timer', atMs: action.atMs });
        break;
    }
  }

  #grant(id: string, node: string): void {
    const running = this.#waiting.get(id);
    const host = this.#hosts.get(node);
    const replica = running && host?.replicas.get(turnOf(running.conversation, running.turn).model);
    if (!running || !host || !host.isUp || replica?.status !== 'loaded') {
      this.#violate(`${id} is granted on ${node}, which cannot serve it`);
      return;
    }
    this.#waiting.delete(id);
    this.#active.set(id, { running, host, replica });
    replica.queue.push(running);
    if (replica.queue.length + replica.running.size > replica.model.slots + QUEUE_DEPTH) {
      this.#violate(`${id} is granted beyond the queue of ${node}`);
    }
    this.#startNext(host, replica);
  }

  #startNext(host: SimHost, replica: SimReplica): void {
    while (replica.running.size < replica.model.slots) {
      const running = replica.queue.shift();
      if (!running) return;
      replica.running.add(running.id);
      const turn = turnOf(running.conversation, running.turn);
      this.#tally.requests += 1;
      this.#tally.waited(running.conversation.id, this.#nowMs - running.arrivedMs);
      const isHit = replica.prefixes.has(running.conversation.id);
      if (running.turn > 0) {
        this.#tally.laterTurns += 1;
        this.#tally.prefixHits += Number(isHit);
      }
      replica.prefixes.add(running.conversation.id);
      const prefillMs = turn.prefillMs * (isHit ? CACHED_PREFILL : 1);
      const tookMs = (prefillMs + turn.decodeMs) / host.node.speed;
      this.#heap.add(this.#nowMs + tookMs, {
        kind: 'end',
        request: running,
        host,
        load: replica.load,
      });
    }
  }

  #end({ request, host, load }: Extract<Happening, { kind: 'end' }>): void {
    const { conversation, turn, id } = request;
    const { model } = turnOf(conversation, turn);
    const replica = host.replicas.get(model);
    const active = this.#active.get(id);
    if (!replica || replica.load !== load || active?.running !== request) return;
    this.#active.delete(id);
    replica.running.delete(id);
    this.#startNext(host, replica);
    this.#continue(conversation, turn);
    this.#tell({ kind: 'ended', request: id, model, node: host.node.name });
  }

  #continue(conversation: Conversation, turn: number): void {
    this.#tally.makespanMs = this.#nowMs;
    const next = conversation.turns[turn + 1];
    if (!next) {
      this.#openTurns -= 1;
      return;
    }
    this.#heap.add(this.#nowMs + next.pauseMs, { kind: 'turn', conversation, turn: turn + 1 });
  }

  #refuse(id: string): void {
    const running = this.#waiting.get(id);
    if (!running) {
      this.#violate(`${id} is refused and does not wait`);
      return;
    }
    this.#waiting.delete(id);
    this.#tally.refused += 1;
    this.#tally.waited(running.conversation.id, this.#nowMs - running.arrivedMs);
    this.#continue(running.conversation, running.turn);
  }

  #load({ model, node, victims }: Extract<SimAction, { kind: 'load' }>, told: SimEvent[]): void {
    const host = this.#hosts.get(node);
    const wanted = this.#models.get(model);
    if (!host || !wanted || !host.isUp || host.replicas.has(model)) {
      this.#violate(`${model} is loaded on ${node}, which cannot load it`);
      return;
    }
    for (const victim of victims) {
      const replica = host.replicas.get(victim);
      if (!replica) this.#violate(`${victim} is evicted from ${node} and is not there`);
      else if (replica.status !== 'loaded' || replica.running.size + replica.queue.length > 0)
        this.#violate(`${victim} is evicted from ${node} and is busy`);
      host.replicas.delete(victim);
      this.#tally.evictions += 1;
    }
    const freeMib = host.node.vramMib - host.foreignMib - heldMib(host);
    if (freeMib < wanted.sizeMib) {
      for (const victim of victims)
        told.push({ kind: 'unloaded', model: victim, node, why: 'evicted' });
      told.push({ kind: 'load_failed', model, node, missingMib: wanted.sizeMib - freeMib });
      this.#violate(`${model} does not fit ${node}: ${freeMib} of ${wanted.sizeMib} MiB`);
      return;
    }
    this.#tally.loads += 1;
    const load = (this.#loadIds += 1);
    host.replicas.set(model, {
      model: wanted,
      status: 'loading',
      load,
      running: new Set(),
      queue: [],
      prefixes: new Set(),
    });
    const readMs = (1000 * wanted.sizeMib * host.slowness) / host.node.loadMibS;
    const tookMs = (victims.length > 0 ? UNLOAD_MS : 0) + START_MS + readMs;
    this.#heap.add(this.#nowMs + tookMs, { kind: 'load_end', host, model, load });
    for (const victim of victims) {
      this.#heap.add(this.#nowMs + UNLOAD_MS, { kind: 'unload_end', host, model: victim });
    }
  }

  #loadEnd({ host, model, load }: Extract<Happening, { kind: 'load_end' }>): void {
    const replica = host.replicas.get(model);
    if (replica?.load !== load) return;
    replica.status = 'loaded';
    const node = host.node.name;
    this.#tell({ kind: 'loaded', model, node });
  }

  #incident(incident: Incident): void {
    const host = this.#hosts.get(incident.node);
    if (!host) return;
    if (incident.kind === 'slow_loads') host.slowness = incident.factor;
    else if (incident.kind === 'foreign') this.#foreign(host, incident.mib);
    else if (incident.kind === 'node_up') {
      if (host.isUp) return;
      host.isUp = true;
      this.#tell({ kind: 'node_up', node: incident.node });
    } else if (host.isUp) this.#down(host);
  }

  #foreign(host: SimHost, mib: number): void {
    const node = host.node.name;
    const gone = takeMemory(host, mib);
    // What was taken is told before what left, so that nobody places a model into memory that is gone.
    this.#tell({ kind: 'foreign', node, mib: host.foreignMib });
    for (const model of gone) this.#tell({ kind: 'unloaded', model, node, why: 'yielded' });
  }

  #down(host: SimHost): void {
    const node = host.node.name;
    host.isUp = false;
    const broken = [...this.#active.values()].filter((active) => active.host === host);
    host.replicas.clear();
    this.#tell({ kind: 'node_down', node });
    for (const { running } of broken) {
      const { id, conversation, turn } = running;
      const { model } = turnOf(conversation, turn);
      this.#active.delete(id);
      this.#tell({ kind: 'broken', request: id, model, node });
      this.#waiting.set(id, { ...running, arrivedMs: this.#nowMs });
      this.#tell({ kind: 'arrived', request: id, model, conversation: conversation.id });
    }
  }
}
