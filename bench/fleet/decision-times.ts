/** How long decisions take in a large fleet. */
import type { Action, DecideEvent } from '@cortex/fleet';

import { percentile } from '../statistics.ts';
import { runOurs } from './compare.ts';
import { mixed } from './scenarios.ts';

export interface DecisionTimes {
  readonly nodes: number;
  readonly models: number;
  /** Arrivals that were granted at once, µs. */
  readonly decision_us: { readonly p50: number; readonly p99: number; readonly count: number };
  /** Events that led to a load, µs. */
  readonly place_us: { readonly p50: number; readonly p99: number; readonly count: number };
}

const round = (value: number): number => Math.round(value * 10) / 10;

const summary = (times: readonly number[]): DecisionTimes['decision_us'] => ({
  p50: round(percentile(times, 0.5)),
  p99: round(percentile(times, 0.99)),
  count: times.length,
});

/** Arrivals before this are not counted: the code is compiled while they run. */
const WARM_UP = 2000;

export function measureDecisions({
  nodes,
  models,
  slowUs,
}: {
  readonly nodes: number;
  readonly models: number;
  /** CPU that is added to every decision, µs. */
  readonly slowUs: number;
}): DecisionTimes {
  const grants: number[] = [];
  const placements: number[] = [];
  let seen = 0;
  const timed = (event: DecideEvent, actions: readonly Action[], tookUs: number): void => {
    seen += 1;
    if (seen < WARM_UP) return;
    if (actions.some(({ kind }) => kind === 'load')) placements.push(tookUs);
    else if (event.kind === 'arrived' && actions[0]?.kind === 'grant') grants.push(tookUs);
  };
  const size = { nodes, models, concurrent: nodes * 3, durationMs: 400_000, incidents: true };
  const figures = runOurs(mixed('large', 1, size), { checkEvery: 0, timed, slowUs });
  const [violation] = figures.violations;
  if (violation !== undefined) throw new Error(`the simulation broke a rule: ${violation}`);
  return { nodes, models, decision_us: summary(grants), place_us: summary(placements) };
}
