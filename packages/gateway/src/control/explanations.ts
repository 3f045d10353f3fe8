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

import type { ExplainQuestion } from './control.ts';
import type { DecidedLoad, DecidedRequest, DecisionLog } from './decision-log.ts';
import type { FleetLoop } from './fleet-loop.ts';
import { unknownModel } from './refusal-error.ts';
import type { Waiters } from './waiters.ts';
import { loadText, modelText, requestText, WORDS } from './words.ts';

interface ExplanationDeps {
  readonly clock: Clock;
  readonly loop: FleetLoop;
  readonly waiters: Waiters;
  readonly decisions: DecisionLog;
}

const toVictim = ({ model, freesMib, loadMs, wanted, cost, priority, why }: Victim) => ({
  model,
  frees_mb: freesMib,
  load_ms: Math.round(loadMs),
  wanted,
  cost: Math.round(cost),
  priority,
  why,
});

const toCandidate = ({ lacked, rank, ...candidate }: Candidate) => ({
  ...candidate,
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

  /** @see Control.explain */
  explain(question: ExplainQuestion): AdminExplanation {
    return 'model' in question
      ? this.#ofModel(question.model)
      : this.#ofRequest(question.requestId);
  }

  #ofModel(model: string): AdminExplanation {
    const { loop, decisions } = this.#deps;
    if (!isKnownModel(loop.snapshot, model)) throw unknownModel(model, loop.snapshot);
    return this.#rendered(explainModel(loop.state, model), decisions.lastLoad(model));
  }

  #ofRequest(requestId: string): AdminExplanation {
    const { loop, waiters, decisions, clock } = this.#deps;
    const waiter = waiters.ofRequest(requestId);
    const decided = waiter ? undefined : decisions.request(requestId);
    const model = waiter?.request.model ?? decided?.model;
    if (model === undefined) {
      throw new CortexError(
        'invalid_request',
        `No request ${requestId} is remembered: cortex keeps the last 1000 since its start.`,
        { param: 'request' },
      );
    }
    const explanation = explainModel(loop.state, model);
    const waitedMs = waiter ? clock.nowMs() - waiter.enteredMs : undefined;
    const first = requestText({ requestId, model, decided, waitedMs });
    return {
      ...this.#rendered(explanation, decided ? decided.load : decisions.lastLoad(model), first),
      request_id: requestId,
      outcome: outcomeOf(decided),
    };
  }

  #rendered(
    explanation: ModelExplanation,
    load: DecidedLoad | undefined,
    request?: readonly string[],
  ): AdminExplanation {
    const { model, waiting, replicas, outlook } = explanation;
    const agoMs = load ? this.#deps.clock.nowMs() - load.atMs : 0;
    const history = load ? loadText(load.record, agoMs) : [];
    return {
      model,
      waiting,
      replicas: replicas.map(({ isReady, circuit, ...replica }) => ({
        ...replica,
        ready: isReady,
        avoided: circuit && toAvoidance(circuit, WORDS),
      })),
      outlook: { kind: outlook.kind, ...toPlacement(outlook) },
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

const outcomeOf = (decided: DecidedRequest | undefined): string =>
  decided?.outcome.kind ?? 'waiting';
