import {
  type FleetRequest,
  type FleetSnapshot,
  fitsBeside,
  type OpenCircuit,
  type Resolution,
  type Sleep,
  sleepOf,
  underWay,
} from '@cortex/fleet';
import {
  type AdminDrainResult,
  type AdminEstimate,
  type AdminExplanation,
  type AdminFreeResult,
  type AdminPull,
  type AdminPullCall,
  type AdminRemoved,
  CortexError,
  type LoadModelRequest,
} from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type { NodeTransport } from '../wire/node-transport.ts';
import { CatalogueCalls } from './catalogue-calls.ts';
import { CircuitLog } from './circuit-log.ts';
import type {
  AcquireRequest,
  AttemptReport,
  Control,
  ControlLog,
  ControlSettings,
  DrainCall,
  ExplainQuestion,
  Lease,
  ModelCall,
  ModelCallResult,
  PinCall,
  PinResult,
} from './control.ts';
import { DecisionLog } from './decision-log.ts';
import { Effects } from './effects.ts';
import { EvictionCounts } from './eviction-counts.ts';
import { Explanations } from './explanations.ts';
import { FileCalls } from './file-calls.ts';
import { FleetLoop } from './fleet-loop.ts';
import { LoadCalls } from './load-calls.ts';
import { ModelNames } from './model-names.ts';
import { NodeConnections } from './node-connections.ts';
import { NodeDrains } from './node-drains.ts';
import { OperatorCalls } from './operator-calls.ts';
import { Rescan } from './rescan.ts';
import { RoomClaims } from './room-claims.ts';
import { toDecideSettings } from './to-decide-settings.ts';
import { type Waiter, Waiters } from './waiters.ts';
import { waitNote } from './words.ts';

export interface ControlOptions extends ControlSettings {
  readonly log: ControlLog;
  readonly clock: Clock;
  readonly transport: NodeTransport;
}

/** Tells the decisions of `fleet` what happens, and has them performed. */
export class FleetControl implements Control {
  readonly #clock: Clock;
  readonly #log: ControlLog;
  #settings: ControlSettings;
  readonly #loop: FleetLoop;
  readonly #waiters = new Waiters();
  readonly #connections: NodeConnections;
  readonly #loads: LoadCalls;
  readonly #operator: OperatorCalls;
  readonly #files: FileCalls;
  readonly #drains: NodeDrains;
  readonly #circuits: CircuitLog;
  readonly #effects: Effects;
  readonly #explanations: Explanations;
  readonly #rescan: Rescan;
  readonly #names: ModelNames;
  readonly #evictions = new EvictionCounts();
  readonly #ending = new AbortController();

  constructor({ log, clock, transport, ...settings }: ControlOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#settings = settings;
    const loop = new FleetLoop({ clock, log, perform: (action) => this.#effects.perform(action) });
    const connections = new NodeConnections({ transport, clock, log, loop });
    this.#loop = loop;
    this.#connections = connections;
    this.#loads = this.#createLoads();
    const [loads, waiters] = [this.#loads, this.#waiters];
    const operator = new OperatorCalls({
      clock,
      loop,
      loads,
      connections,
      errorOf: (refusal, model) => this.#effects.errorOf(refusal, { model, stream: false }),
    });
    this.#operator = operator;
    const { signal } = this.#ending;
    const decisions = new DecisionLog();
    this.#circuits = new CircuitLog(log);
    this.#effects = new Effects({
      clock,
      transport,
      loop,
      connections,
      loads,
      catalogue: this.#createCatalogueCalls(),
      claims: new RoomClaims({
        owner: loop.state.owner,
        client: (node) => connections.client(node),
        signal,
      }),
      waiters,
      operator,
      decisions,
      circuits: this.#circuits,
      signal,
    });
    this.#explanations = new Explanations({ clock, loop, waiters, decisions });
    this.#files = new FileCalls({ loop, connections });
    this.#drains = new NodeDrains({ clock, loop, connections });
    const rescan = this.#createRescan();
    this.#rescan = rescan;
    const connectMs = () => this.#settings.config.connectS * 1000;
    this.#names = new ModelNames({ clock, loop, rescan, connectMs });
    this.reconfigure(settings);
  }

  snapshot(): FleetSnapshot {
    return this.#loop.snapshot;
  }

  resolve(asked: string): Resolution {
    return this.#names.resolve(asked);
  }

  resolveSettled(asked: string, signal: AbortSignal): Promise<Resolution> {
    return this.#names.resolveSettled(asked, signal);
  }

  nameForUnnamed(signal: AbortSignal): Promise<string | undefined> {
    return this.#names.nameForUnnamed(signal);
  }

  acquire(request: AcquireRequest, signal: AbortSignal): Promise<Lease> {
    if (this.#ending.signal.aborted) return Promise.reject(shuttingDown());
    if (signal.aborted) return Promise.reject(clientLeft());
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const enteredMs = this.#clock.nowMs();
    const waiter = {
      request,
      enteredMs,
      resolve,
      reject,
      isWaiting: false,
      stopListening: undefined,
    };
    const id = this.#waiters.add(waiter);
    this.#loop.tell({ kind: 'arrived', request: toFleetRequest(request, id) });
    if (this.#waiters.get(id)) this.#wait(id, waiter, signal);
    return promise;
  }

  report({ kind, node, model }: AttemptReport): void {
    const atMs = this.#clock.nowMs();
    this.#log.debug({ node, model, kind }, 'attempt failed');
    if (kind === 'model_not_loaded' || kind === 'node_recovering') {
      const status = kind === 'model_not_loaded' ? 'unloaded' : 'recovering';
      this.#loop.tell({ kind: 'model_status', node, model, status, atMs });
    } else if (kind === 'queue_full') {
      const ownInFlight = this.#loop.state.leases.on(model, node);
      this.#loop.tell({ kind: 'model_full', node, model, ownInFlight, atMs });
      this.#connections.pollSoon(node);
      return;
    }
    void this.#connections.poll(node);
  }

  waitNote({ model, node }: ModelCall): string | undefined {
    const wait = underWay(this.#loop.state, { model, node });
    return wait && waitNote(model, wait);
  }

  loadModel(call: ModelCall, signal: AbortSignal): Promise<ModelCallResult> {
    return this.#operate(signal, async () => {
      await this.#names.settle(call.model, signal);
      return this.#operator.load(call, signal);
    });
  }

  unloadModel(
    call: ModelCall & { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<readonly ModelCallResult[]> {
    return this.#operate(signal, () => this.#operator.unload(call, signal));
  }

  pullModel(call: AdminPullCall, signal: AbortSignal): Promise<AdminPull> {
    return this.#operate(signal, () => this.#files.pull(call, signal));
  }

  pullReport(
    call: { readonly model: string; readonly node: string },
    signal: AbortSignal,
  ): Promise<AdminPull> {
    return this.#operate(signal, () => this.#files.pullReport(call, signal));
  }

  estimate(request: LoadModelRequest, signal: AbortSignal): Promise<readonly AdminEstimate[]> {
    return this.#operate(signal, () => this.#files.estimate(request, signal));
  }

  removeFiles(call: ModelCall, signal: AbortSignal): Promise<AdminRemoved> {
    return this.#operate(signal, () => this.#files.remove(call, signal));
  }

  pinModel(call: PinCall, signal: AbortSignal): Promise<readonly PinResult[]> {
    return this.#operate(signal, () => this.#operator.pin(call, signal));
  }

  drainNode(call: DrainCall, signal: AbortSignal): Promise<AdminDrainResult> {
    return this.#operate(signal, () => this.#drains.drain(call, signal));
  }

  freeNode(call: Omit<DrainCall, 'draining'>, signal: AbortSignal): Promise<AdminFreeResult> {
    return this.#operate(signal, () => this.#drains.free(call, signal));
  }

  explain(question: ExplainQuestion): AdminExplanation {
    if (!('model' in question)) return this.#explanations.ofRequest(question.requestId);
    const resolution = this.#names.resolve(question.model);
    return this.#explanations.ofModel(resolution.kind === 'model' ? resolution : question);
  }

  evictions(): ReadonlyMap<string, number> {
    return this.#evictions.byReason;
  }

  fits(model: string): boolean {
    return fitsBeside(this.#loop.state, model);
  }

  waiting(model: string): number {
    return this.#loop.state.waiting(model);
  }

  inFlight(node: string, model?: string): number {
    const { leases } = this.#loop.state;
    if (model !== undefined) return leases.on(model, node);
    return [...leases.onNode(node).values()].reduce((sum, own) => sum + own, 0);
  }

  sleep(node: string): Sleep | undefined {
    const known = this.#loop.snapshot.nodes.get(node);
    return known && sleepOf(this.#loop.state, known);
  }

  circuits(node: string): readonly OpenCircuit[] {
    return this.#loop.state.circuits.open({ node }, this.#clock.nowMs());
  }

  circuitOpens(node: string): number {
    return this.#circuits.opens(node);
  }

  subscribe(listener: (snapshot: FleetSnapshot) => void): () => void {
    return this.#loop.subscribe(listener);
  }

  reconfigure(settings: ControlSettings): void {
    if (this.#ending.signal.aborted) return;
    this.#settings = settings;
    const { config, catalogue, aliases } = settings;
    const { nodes, failuresBeforeDown } = config;
    // First the snapshot, then the polls: an answer to a poll from before its node was configured does not count.
    this.#loop.tell({
      kind: 'config_changed',
      config: { nodes, catalogue, aliases, failuresBeforeDown },
      settings: toDecideSettings(config),
    });
    for (const node of this.#connections.configure(config)) {
      this.#loads.forgetNode(node);
      this.#circuits.forgetNode(node);
    }
  }

  start(): void {
    this.#connections.start();
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('cortex is shutting down'));
    this.#rescan.close();
    for (const id of this.#waiters.ids) this.#leave(id, shuttingDown());
    await Promise.all([this.#loads.close(), this.#connections.stop()]);
    this.#effects.close();
  }

  #wait(id: string, waiter: Waiter, signal: AbortSignal): void {
    const { model } = waiter.request;
    waiter.isWaiting = true;
    const onAbort = (): void => this.#leave(id, clientLeft());
    signal.addEventListener('abort', onAbort, { once: true });
    waiter.stopListening = () => signal.removeEventListener('abort', onAbort);
    if (this.waiting(model) !== 1) return;
    for (const { node } of this.snapshot().replicasByModel.get(model) ?? []) {
      this.#connections.pollSoon(node);
    }
  }

  /** A request ends without an answer of `decide`. */
  #leave(id: string, error: CortexError): void {
    const waiter = this.#waiters.take(id);
    if (!waiter) return;
    waiter.reject(error);
    this.#loop.tell({ kind: 'left', model: waiter.request.model, requestId: id });
  }

  #createRescan(): Rescan {
    return new Rescan({
      clock: this.#clock,
      nodes: () => {
        const nodes = [...this.snapshot().nodes.values()];
        return nodes.filter(({ state }) => state === 'up').map(({ name }) => name);
      },
      scan: (node, signal) => this.#connections.rescan(node, signal),
    });
  }

  #createCatalogueCalls(): CatalogueCalls {
    const [loop, connections] = [this.#loop, this.#connections];
    return new CatalogueCalls({
      log: this.#log,
      snapshot: () => loop.snapshot,
      tell: (event) => loop.tell(event),
      client: (node) => connections.client(node),
      evictions: this.#evictions,
      poll: (node) => connections.poll(node),
      signal: this.#ending.signal,
    });
  }

  #createLoads(): LoadCalls {
    const [loop, connections] = [this.#loop, this.#connections];
    return new LoadCalls({
      clock: this.#clock,
      log: this.#log,
      snapshot: () => loop.snapshot,
      subscribe: (listener) => loop.subscribe(listener),
      tell: (event) => loop.tell(event),
      client: (node) => connections.client(node),
      evictions: this.#evictions,
      poll: (node) => connections.poll(node),
    });
  }

  async #operate<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    if (this.#ending.signal.aborted) throw shuttingDown();
    await this.#names.firstContact(signal);
    return call();
  }
}

/** The request under its own id. Built by name: a copy of all members costs several times as much. */
function toFleetRequest(request: AcquireRequest, id: string): FleetRequest {
  const { model, node, weight, stream, isHint, affinityKey, tried, avoided, arrivedMs } = request;
  return { id, model, node, weight, stream, isHint, affinityKey, tried, avoided, arrivedMs };
}

const shuttingDown = (): CortexError =>
  new CortexError('shutting_down', 'cortex is shutting down.', { retryAfterS: 5 });

const clientLeft = (): CortexError =>
  new CortexError(
    'client_closed_request',
    'The client disconnected before its request got a slot.',
  );
