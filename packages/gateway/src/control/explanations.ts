import {
  type Candidate,
  explainModel,
  isKnownModel,
  type ModelExplanation,
  type Outlook,
  type PlacementRecord,
  toAvoidance,
  type Victim,
} from '@cortex/fleet';
import { type AdminExplanation, CortexError } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import {
  type DecidedLoad,
  type DecidedRequest,
  type DecisionLog,
  MAX_DECISIONS,
} from './decision-log.ts';
import type { FleetLoop } from './fleet-loop.ts';
import { unknownModel } from './refusal-error.ts';
import type { Waiters } from './waiters.ts';
import { loadText, modelText, requestText } from './decision-words.ts';
import { WORDS } from './words.ts';

interface ExplanationDeps {
  readonly clock: Clock;
  readonly loop: FleetLoop;
  readonly waiters: Waiters;
  readonly decisions: DecisionLog;
}

const toVictim = ({
  model,
  by,
  freesMib,
  idleMs,
  loadMs,
  wanted,
  cost,
  priority,
  why,
}: Victim) => ({
  model,
  by,
  frees_mb: Math.round(freesMib),
  idle_ms: idleMs === undefined ? undefined : Math.round(idleMs),
  load_ms: Math.round(loadMs),
  wanted,
  cost: Math.round(cost),
  priority,
  why,
});

const toCandidate = ({ lacked, rank, speed, blockers, ...candidate }: Candidate) => ({
  ...candidate,
  blockers: blockers?.map(({ model, heldMib, why, forMs }) => ({
    model,
    why,
    held_mb: Math.round(heldMib),
    for_ms: forMs === undefined ? undefined : Math.round(forMs),
  })),
  speed: speed && { tok_s: Math.round(speed.tokS * 10) / 10, measured: speed.isMeasured },
  lacked: lacked.map(({ what, need, have, unit, eachMib }) => ({
    what,
    need,
    have,
    unit,
    each_mb: eachMib,
  })),
  rank: [...rank],
});

function toPlacement({ node, needMib, victims, candidates }: Outlook | PlacementRecord) {
  return {
    node,
    need_mb: needMib,
    victims: victims.map(toVictim),
    candidates: candidates.map(toCandidate),
  };
}

/** Answers why: decisions as data and in words. */
export class Explanations {
  readonly #deps: ExplanationDeps;

  constructor(deps: ExplanationDeps) {
    this.#deps = deps;
  }

  /** @see Control.explain; `node`: the only one that is asked about */
  ofModel({
    model,
    node,
  }: {
    readonly model: string;
    readonly node?: string | undefined;
  }): AdminExplanation {
    const { loop, decisions } = this.#deps;
    if (!isKnownModel(loop.snapshot, model)) throw unknownModel(model, loop.snapshot);
    return this.#rendered(explainModel(loop.state, { model, node }), decisions.lastLoad(model));
  }

  /** @see Control.explain */
  ofRequest(requestId: string): AdminExplanation {
    const { loop, waiters, decisions, clock } = this.#deps;
    const waiter = waiters.ofRequest(requestId);
    const decided = waiter ? undefined : decisions.request(requestId);
    const model = waiter?.request.model ?? decided?.model;
    if (model === undefined) {
      throw new CortexError(
        'invalid_request',
        `No request ${requestId} is remembered: cortex keeps the last ${MAX_DECISIONS.toLocaleString('en')} since its start.`,
        { param: 'request' },
      );
    }
    const askedNode = waiter ? waiter.request.node : decided?.askedNode;
    const explanation = explainModel(loop.state, { model, node: askedNode });
    const waitedMs = waiter ? clock.nowMs() - waiter.enteredMs : undefined;
    const first = requestText({ requestId, model, askedNode, decided, waitedMs });
    return {
      ...this.#rendered(explanation, decided ? decided.load : decisions.lastLoad(model), first),
      request_id: requestId,
      ...(decided ? this.#decision(decided) : { outcome: 'waiting', waited_ms: waitedMs }),
    };
  }

  /** What the record of a request says besides its model (contracts, section 5). */
  #decision({ atMs, outcome, load }: DecidedRequest) {
    const { clock } = this.#deps;
    const waitedMs = outcome.kind === 'granted' ? outcome.record.waitedMs : outcome.waitedMs;
    return {
      outcome: outcome.kind,
      at: new Date(Date.now() - (clock.nowMs() - atMs)).toISOString(),
      chosen: outcome.kind === 'granted' ? outcome.node : undefined,
      waited_ms: Math.round(waitedMs),
      candidates: load?.record.candidates.map(toCandidate),
      evicted: load?.record.victims.map((victim) => ({
        ...toVictim(victim),
        node: load.record.node,
      })),
    };
  }

  #rendered(
    explanation: ModelExplanation,
    load: DecidedLoad | undefined,
    request?: readonly string[],
  ): AdminExplanation {
    const { model, node, isManual, waiting, replicas, outlook } = explanation;
    const agoMs = load ? this.#deps.clock.nowMs() - load.atMs : 0;
    const history = load ? loadText(load.record, agoMs) : [];
    return {
      model,
      node,
      manual: isManual,
      waiting,
      replicas: replicas.map(
        ({ isReady, isUnderWay: _isUnderWay, circuit, mismatch, ...replica }) => ({
          ...replica,
          ready: isReady,
          avoided: circuit && toAvoidance(circuit, WORDS),
          config_mismatch: mismatch && {
            keys: [...mismatch.keys],
            text: WORDS.outdated(mismatch),
          },
        }),
      ),
      outlook: {
        kind: outlook.kind,
        need_estimated: outlook.isNeedEstimated,
        wake_ms: outlook.wakeMs,
        ...toPlacement(outlook),
      },
      last_load: load && {
        ...toPlacement(load.record),
        why: load.record.why,
        ago_s: Math.round(agoMs / 1000),
      },
      text: request
        ? [...request, ...history, ...modelText(explanation)]
        : [...modelText(explanation), ...history],
    };
  }
}
