/** How long decisions take in a large fleet. */
import { place } from '../../packages/fleet/src/decide/place.ts';
import { percentile } from '../statistics.ts';
import { runOurs } from './compare.ts';
import type { Decided } from './decide-policy.ts';
import { mixed } from './scenarios.ts';

interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
}

export interface DecisionTimes {
  readonly nodes: number;
  readonly models: number;
  /** Arrivals that were granted at once, µs. */
  readonly decision_us: Times;
  /** The placement of one model, on all nodes and with its victims, µs. */
  readonly place_us: Times;
  /** Events that led to a load, µs: of those that free memory each model that waits for it is placed again. */
  readonly load_event_us: Times;
}

const round = (value: number): number => Math.round(value * 10) / 10;

const summary = (times: readonly number[]): Times => ({
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
  const loadEvents: number[] = [];
  let seen = 0;
  const timed = ({ event, actions, tookUs, state }: Decided): void => {
    seen += 1;
    if (seen < WARM_UP) return;
    if (actions.some(({ kind }) => kind === 'load')) loadEvents.push(tookUs);
    if (event.kind !== 'arrived') return;
    if (actions[0]?.kind === 'grant') grants.push(tookUs);
    else placements.push(placementUs(state, event.request.model));
  };
  const size = { nodes, models, concurrent: nodes * 3, durationMs: 400_000, incidents: true };
  const figures = runOurs(mixed('large', 1, size), { checkEvery: 0, timed, slowUs });
  const [violation] = figures.violations;
  if (violation !== undefined) throw new Error(`the simulation broke a rule: ${violation}`);
  return {
    nodes,
    models,
    decision_us: summary(grants),
    place_us: summary(placements),
    load_event_us: summary(loadEvents),
  };
}

/** A placement of the model as things stand, which changes nothing. */
function placementUs(state: Decided['state'], model: string): number {
  const startNs = Bun.nanoseconds();
  place(state, { model, tried: [], mayEvict: true });
  return (Bun.nanoseconds() - startNs) / 1000;
}
