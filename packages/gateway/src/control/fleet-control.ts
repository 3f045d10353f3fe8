import {
  type FleetSnapshot,
  type Replica,
  type Resolution,
  selectFileHolder,
  selectNode,
  type Selection,
} from '@cortex/fleet';
import {
  type AdminDrainResult,
  type AdminFreeResult,
  type AdminPull,
  type AdminPullCall,
  type AdminRemoveCall,
  type AdminRemoved,
  CortexError,
} from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type {
  AcquireRequest,
  AttemptReport,
  Control,
  ControlLog,
  ControlSettings,
  DrainCall,
  Lease,
  ModelCall,
  ModelCallResult,
  PinCall,
  PinResult,
} from './control.ts';
import type { NodeTarget } from '../wire/node-target.ts';
import type { NodeTransport } from '../wire/node-transport.ts';
import { FileCalls } from './file-calls.ts';
import { FleetHolder } from './fleet-holder.ts';
import { Leases } from './leases.ts';
import { LoadFailureTable } from './load-failure-table.ts';
import { LoadQueue, type LoadTarget } from './load-queue.ts';
import { toLoadRequest } from './load-request.ts';
import { ModelNames } from './model-names.ts';
import { NodeConnections } from './node-connections.ts';
import { NodeDrains } from './node-drains.ts';
import { OperatorCalls } from './operator-calls.ts';
import { refusalError } from './refusal-error.ts';
import { Rescan } from './rescan.ts';
import { waitError } from './wait-error.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface ControlOptions extends ControlSettings {
  readonly log: ControlLog;
  readonly clock: Clock;
  readonly transport: NodeTransport;
}

/** Performs the decisions of `fleet`: connects the snapshot, the leases, the waiting room and the loads. */
export class FleetControl implements Control {
  readonly #clock: Clock;
  readonly #log: ControlLog;
  readonly #transport: NodeTransport;
  #settings: ControlSettings;
  readonly #fleet: FleetHolder;
  readonly #leases = new Leases();
  readonly #failures = new LoadFailureTable();
  readonly #connections: NodeConnections;
  readonly #room: WaitingRoom;
  readonly #loads: LoadQueue;
  readonly #operator: OperatorCalls;
  readonly #files: FileCalls;
  readonly #drains: NodeDrains;
  readonly #rescan: Rescan;
  readonly #names: ModelNames;
  #isClosed = false;

  constructor({ log, clock, transport, ...settings }: ControlOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#transport = transport;
    this.#settings = settings;
    this.#fleet = new FleetHolder(log);
    const [fleet, leases] = [this.#fleet, this.#leases];
    this.#room = this.#createRoom();
    const waiting = (model: string) => this.#room.waiting(model);
    this.#connections = new NodeConnections({ transport, clock, log, fleet, leases, waiting });
    this.#loads = this.#createLoads();
    const connections = this.#connections;
    this.#operator = new OperatorCalls({ clock, fleet, leases, connections });
    this.#files = new FileCalls({ clock, fleet, leases, connections });
    this.#drains = new NodeDrains({ clock, fleet, connections });
    const rescan = this.#createRescan();
    this.#rescan = rescan;
    const connectMs = () => this.#settings.config.connectS * 1000;
    this.#names = new ModelNames({ clock, fleet, rescan, connectMs });
    this.#fleet.subscribe((snapshot) => {
      this.#loads.failUnreachable(snapshot);
      this.#room.pumpAll();
    });
    this.reconfigure(settings);
  }

  snapshot(): FleetSnapshot {
    return this.#fleet.snapshot;
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
    if (this.#isClosed) return Promise.reject(shuttingDown());
    if (signal.aborted) return Promise.reject(clientLeft());
    // A request that needs no slot does not wait for one.
    if (request.weight === 0 || this.#room.waiting(request.model) === 0) {
      const selection = this.#select(request);
      if (selection.kind === 'node') {
        return Promise.resolve(this.#grant(request, selection.replica));
      }
      if (selection.kind === 'refused') return Promise.reject(this.#refuse(request, selection));
    }
    return this.#room.enter(request, signal);
  }

  report({ kind, node, model }: AttemptReport): void {
    const atMs = this.#clock.nowMs();
    this.#log.debug({ node, model, kind }, 'attempt failed');
    if (kind === 'model_not_loaded' || kind === 'node_recovering') {
      const status = kind === 'model_not_loaded' ? 'unloaded' : 'recovering';
      this.#fleet.apply({ kind: 'model_status', node, model, status, atMs });
    } else if (kind === 'queue_full') {
      const ownInFlight = this.#leases.inFlight(node, model);
      this.#fleet.apply({ kind: 'model_full', node, model, ownInFlight, atMs });
      this.#connections.pollSoon(node);
      return;
    }
    void this.#connections.poll(node);
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

  removeFiles(call: AdminRemoveCall, signal: AbortSignal): Promise<AdminRemoved> {
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

  waiting(model: string): number {
    return this.#room.waiting(model);
  }

  inFlight(node: string, model?: string): number {
    return this.#leases.inFlight(node, model);
  }

  subscribe(listener: (snapshot: FleetSnapshot) => void): () => void {
    return this.#fleet.subscribe(listener);
  }

  reconfigure(settings: ControlSettings): void {
    if (this.#isClosed) return;
    this.#settings = settings;
    const { config, catalogue, aliases } = settings;
    const { nodes, failuresBeforeDown } = config;
    // First the snapshot, then the polls: an answer to a poll from before its node was configured does not count.
    this.#fleet.apply({
      kind: 'config_changed',
      config: { nodes, catalogue, aliases, failuresBeforeDown },
      atMs: this.#clock.nowMs(),
    });
    for (const node of this.#connections.configure(config)) {
      this.#leases.forgetNode(node);
      this.#loads.forgetNode(node);
    }
    // Failed loads may have been caused by settings that are corrected now.
    this.#failures.forgetAll();
    this.#room.pumpAll();
  }

  start(): void {
    this.#connections.start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#rescan.close();
    this.#room.empty(shuttingDown());
    await Promise.all([this.#loads.close(), this.#connections.stop()]);
  }

  #select(request: AcquireRequest): Selection {
    const [leases, nowMs] = [this.#leases, this.#clock.nowMs()];
    const failures = this.#failures.seenBy(request.arrivedMs);
    const select = request.weight === 0 ? selectFileHolder : selectNode;
    return select(this.#fleet.snapshot, request, { leases, failures, nowMs });
  }

  /** `enteredMs`: when the request started to wait; undefined: it did not wait. */
  #grant(request: AcquireRequest, { node, model, basePath }: Replica, enteredMs?: number): Lease {
    const { requestId, weight } = request;
    const target = this.#connections.target(node);
    const waited = this.#waited({ node, model }, enteredMs);
    const { record, release } = this.#leases.take({ requestId, node, model, weight });
    return {
      id: record.id,
      node,
      model,
      ...waited,
      hasToken: target.token !== undefined,
      send: (wireRequest, options) =>
        this.#transport.send(wireRequest, { target, basePath, ...options }),
      isNodeDown: () => this.#isDown(node, target),
      release: () => {
        if (release(this.#clock.nowMs())) this.#room.pump(model);
      },
    };
  }

  /**
   * Splits the wait since `enteredMs` into the time for the load of this replica and the time for room.
   */
  #waited(target: LoadTarget, enteredMs: number | undefined): Pick<Lease, 'queueMs' | 'loadMs'> {
    if (enteredMs === undefined) return { queueMs: 0, loadMs: undefined };
    const waitedMs = this.#clock.nowMs() - enteredMs;
    const load = this.#loads.lastLoad(target);
    if (load === undefined || load.endedMs < enteredMs)
      return { queueMs: waitedMs, loadMs: undefined };
    const loadMs = load.endedMs - Math.max(enteredMs, load.startedMs);
    return { queueMs: waitedMs - loadMs, loadMs };
  }

  /** A node of the same name at another endpoint is another machine. */
  #isDown(name: string, { endpoint }: NodeTarget): boolean {
    const node = this.snapshot().nodes.get(name);
    return node !== undefined && node.endpoint === endpoint && node.state === 'down';
  }

  #refuse(request: AcquireRequest, selection: Selection): CortexError {
    if (selection.kind === 'refused') {
      return refusalError(selection.refusal, request.model, this.#fleet.snapshot);
    }
    return waitError(request, selection, (replica) => this.#loads.describe(replica));
  }

  #createRoom(): WaitingRoom {
    return new WaitingRoom({
      clock: this.#clock,
      limits: () => {
        const { maxWaiting, maxWaitS, maxHoldS } = this.#settings.config;
        return { maxWaiting, maxWaitMs: maxWaitS * 1000, maxHoldMs: maxHoldS * 1000 };
      },
      select: (request) => this.#select(request),
      grant: (request, replica, enteredMs) => this.#grant(request, replica, enteredMs),
      refuse: (request, selection) => this.#refuse(request, selection),
      expire: (request, selection) => this.#refuse(request, selection),
      wantLoad: (request, selection) => this.#wantLoad(request, selection),
      left: (model, isWanted) => this.#loads.abandon(model, isWanted),
      waitingBegan: (model) => {
        for (const { node } of this.snapshot().replicasByModel.get(model) ?? []) {
          this.#connections.pollSoon(node);
        }
      },
    });
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

  #createLoads(): LoadQueue {
    const now = () => this.#clock.nowMs();
    return new LoadQueue({
      clock: this.#clock,
      log: this.#log,
      snapshot: () => this.#fleet.snapshot,
      apply: (event) => this.#fleet.apply(event),
      subscribe: (listener) => this.#fleet.subscribe(listener),
      load: ({ model, node }, signal) => {
        const request = toLoadRequest(model, node, this.snapshot().catalogue.get(model));
        return this.#connections.client(node).loadAndWait(request, signal);
      },
      poll: (node) => this.#connections.poll(node),
      isRepeat: (target) => this.#failures.isLoggedRepeat({ ...target, nowMs: now() }),
      failed: (target, error) => this.#failures.record({ ...target, nowMs: now() }, error),
      loaded: ({ node, model }) => this.#failures.clear(node, model),
      ended: (model) => this.#room.pump(model),
    });
  }

  #wantLoad(request: AcquireRequest, selection: Selection): void {
    const { model } = request;
    if (selection.kind === 'loading') {
      this.#startLoad({ model, node: selection.replica.node });
    } else if (selection.kind === 'load') {
      const [node] = selection.nodes;
      const isAnywhere = request.node === undefined;
      if (node !== undefined && !(isAnywhere && this.#loads.has(model))) {
        this.#startLoad({ model, node });
      }
    }
  }

  #startLoad(target: LoadTarget): void {
    this.#loads.ensure(target);
    this.#connections.pollSoon(target.node);
  }

  async #operate<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw shuttingDown();
    await this.#names.firstContact(signal);
    return call();
  }
}

const shuttingDown = (): CortexError =>
  new CortexError('shutting_down', 'cortex is shutting down.', { retryAfterS: 5 });

const clientLeft = (): CortexError =>
  new CortexError(
    'client_closed_request',
    'The client disconnected before its request got a slot.',
  );
