import type { Action, DecideRefusal, FleetSnapshot } from '@cortex/fleet';
import { CortexError } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type { NodeTransport } from '../wire/node-transport.ts';
import type { NodeTarget } from '../wire/node-target.ts';
import type { CatalogueCalls } from './catalogue-calls.ts';
import type { CircuitLog } from './circuit-log.ts';
import type { Lease } from './control.ts';
import type { DecidedRequest, DecisionLog } from './decision-log.ts';
import type { FleetLoop } from './fleet-loop.ts';
import type { LoadCalls } from './load-calls.ts';
import type { NodeConnections } from './node-connections.ts';
import type { OperatorCalls } from './operator-calls.ts';
import { refusalError } from './refusal-error.ts';
import type { RoomClaims } from './room-claims.ts';
import type { Waiter, Waiters } from './waiters.ts';
import { decisionText } from './decision-words.ts';

interface EffectsDeps {
  readonly clock: Clock;
  readonly transport: NodeTransport;
  readonly loop: FleetLoop;
  readonly connections: NodeConnections;
  readonly loads: LoadCalls;
  readonly catalogue: CatalogueCalls;
  readonly claims: RoomClaims;
  readonly waiters: Waiters;
  readonly operator: OperatorCalls;
  readonly decisions: DecisionLog;
  readonly circuits: CircuitLog;
  /** Aborts when cortex ends. */
  readonly signal: AbortSignal;
}

type ActionOf<K extends Action['kind']> = Extract<Action, { readonly kind: K }>;

/** Performs what was decided. It decides nothing: what becomes of an action is told as the next event. */
export class Effects {
  readonly #deps: EffectsDeps;
  #cancelTimer: (() => void) | undefined;

  constructor(deps: EffectsDeps) {
    this.#deps = deps;
  }

  perform(action: Action): void {
    const { connections, loads, operator, signal } = this.#deps;
    switch (action.kind) {
      case 'grant':
        this.#grant(action);
        return;
      case 'refuse':
        this.#refuse(action);
        return;
      case 'load':
        this.#deps.decisions.loadStarted(action, this.#deps.clock.nowMs());
        loads.start(action);
        connections.pollSoon(action.node);
        return;
      case 'cancel_load':
        loads.cancel(action);
        return;
      case 'keep_load':
        loads.keep(action);
        return;
      case 'estimate':
        void loads.estimate({ model: action.model, node: action.node }, signal);
        return;
      case 'replace':
        void this.#deps.catalogue.replace(action);
        return;
      case 'claim':
        this.#deps.claims.take(action);
        return;
      case 'release_claim':
        this.#deps.claims.release(action);
        return;
      case 'set_residency':
        void this.#deps.catalogue.setResidency(action);
        return;
      case 'operator_answer':
        operator.answered(action);
        return;
      case 'poll':
        void connections.poll(action.node);
        return;
      case 'wake_node':
        void connections.wake(action.node, action.forMs);
        return;
      case 'timer':
        this.#setTimer(action.atMs);
        return;
      case 'circuit_opened':
      case 'circuit_closed':
        this.#deps.circuits.changed(action);
        return;
    }
  }

  close(): void {
    this.#cancelTimer?.();
  }

  #setTimer(atMs: number): void {
    const { clock, loop } = this.#deps;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (atMs === Infinity) return;
    const delayMs = Math.max(0, atMs - clock.nowMs());
    this.#cancelTimer = clock.setTimer(delayMs, () => loop.tell({ kind: 'time' }));
  }

  #grant({ requestId, leaseId, node, model, record }: ActionOf<'grant'>): void {
    const { waiters, loop } = this.#deps;
    const waiter = waiters.take(requestId);
    if (!waiter) {
      loop.tell({ kind: 'lease_ended', leaseId });
      return;
    }
    const explanation = this.#note(waiter, { kind: 'granted', node, record });
    waiter.resolve(this.#lease(waiter, { leaseId, node, model, explanation }));
  }

  /** Notes what was decided about a request, with the load that it waited for. Undefined: it did not wait. */
  #note(
    { request, enteredMs, isWaiting }: Waiter,
    outcome: DecidedRequest['outcome'],
  ): readonly string[] | undefined {
    const { decisions, clock } = this.#deps;
    const { requestId, model, node: askedNode } = request;
    const last = isWaiting ? decisions.lastLoad(model) : undefined;
    const load = last && last.atMs >= enteredMs ? last : undefined;
    const decided = { requestId, model, askedNode, atMs: clock.nowMs(), outcome, load };
    decisions.decided(decided);
    return isWaiting || outcome.kind === 'refused' ? decisionText(decided) : undefined;
  }

  #lease(
    waiter: Waiter,
    {
      leaseId,
      node,
      model,
      explanation,
    }: Pick<ActionOf<'grant'>, 'leaseId' | 'node' | 'model'> & Pick<Lease, 'explanation'>,
  ): Lease {
    const { connections, transport, loop } = this.#deps;
    const target = connections.target(node);
    const basePath = loop.snapshot.nodes.get(node)?.replicas.get(model)?.basePath ?? '';
    const { queueMs, loadMs } = this.#waited(waiter, { node, model });
    let isHeld = true;
    return {
      id: leaseId,
      node,
      model,
      queueMs,
      loadMs,
      explanation,
      hasToken: target.token !== undefined,
      send: (wireRequest, options) => transport.send(wireRequest, { target, basePath, ...options }),
      isNodeDown: () => isDown(loop.snapshot, node, target),
      answers: () => {
        // Told only if others wait for it: most answers begin on a node that has failed none.
        const isProbe = isHeld && loop.state.circuits.isProbe({ id: leaseId, node, model });
        if (isProbe) loop.tell({ kind: 'lease_answers', leaseId });
      },
      release: (outcome) => {
        if (!isHeld) return;
        isHeld = false;
        loop.tell({ kind: 'lease_ended', leaseId, outcome });
      },
    };
  }

  /** Splits the wait of a request into the time for the load of this replica and the time for room. */
  #waited(
    { isWaiting, enteredMs }: Waiter,
    target: { readonly node: string; readonly model: string },
  ): Pick<Lease, 'queueMs' | 'loadMs'> {
    if (!isWaiting) return { queueMs: 0, loadMs: undefined };
    const waitedMs = this.#deps.clock.nowMs() - enteredMs;
    const load = this.#deps.loads.lastLoad(target);
    if (load === undefined || load.endedMs < enteredMs)
      return { queueMs: waitedMs, loadMs: undefined };
    const loadMs = load.endedMs - Math.max(enteredMs, load.startedMs);
    return { queueMs: waitedMs - loadMs, loadMs };
  }

  #refuse({ requestId, refusal }: ActionOf<'refuse'>): void {
    const { waiters, clock } = this.#deps;
    const waiter = waiters.take(requestId);
    if (!waiter) return;
    const { code, message, details } = this.errorOf(refusal, waiter.request);
    const waitedMs = clock.nowMs() - waiter.enteredMs;
    const explanation = this.#note(waiter, { kind: 'refused', message, waitedMs });
    waiter.reject(new CortexError(code, message, { ...details, explanation }));
  }

  /** The error for a refusal. */
  errorOf(
    refusal: DecideRefusal,
    request: { readonly model: string; readonly stream: boolean },
  ): CortexError {
    return refusalError(refusal, { ...request, snapshot: this.#deps.loop.snapshot });
  }
}

/** A node of the same name at another endpoint is another machine. */
function isDown({ nodes }: FleetSnapshot, name: string, { endpoint }: NodeTarget): boolean {
  const node = nodes.get(name);
  return node !== undefined && node.endpoint === endpoint && node.state === 'down';
}
