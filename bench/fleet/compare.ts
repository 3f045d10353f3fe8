/** One scenario under every scheduler, and the figures of the comparison. */
import { percentile } from '../statistics.ts';
import { type Baseline, BaselinePolicy } from './baseline-policy.ts';
import { DecidePolicy, type DecidePolicyOptions } from './decide-policy.ts';
import type { Scenario } from './scenario.ts';
import type { SimResult } from './tally.ts';
import { World } from './world.ts';

export interface RunFigures {
  readonly scheduler: 'ours' | Baseline;
  readonly loads: number;
  readonly evictions: number;
  readonly waitP50Ms: number;
  readonly waitP95Ms: number;
  readonly waitP99Ms: number;
  readonly waitSumMs: number;
  /** Of the turns after the first of a conversation, those that found their prefix. */
  readonly prefixHit: number;
  readonly makespanMs: number;
  readonly requests: number;
  readonly refused: number;
  /** Jain's index of the mean waits of the conversations: 1 when all wait equally long. */
  readonly fairness: number;
  readonly violations: readonly string[];
}

/** A wait of a second more or less is no unfairness between conversations that do not wait at all. */
const FAIRNESS_OFFSET_MS = 1000;

function fairnessOf(result: SimResult): number {
  const waits = [...result.waitByConversation.values()].map((ms) => ms + FAIRNESS_OFFSET_MS);
  const sum = waits.reduce((total, ms) => total + ms, 0);
  const squares = waits.reduce((total, ms) => total + ms * ms, 0);
  return squares === 0 ? 1 : sum ** 2 / (waits.length * squares);
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

const figuresOf = (scheduler: RunFigures['scheduler'], result: SimResult): RunFigures => ({
  scheduler,
  loads: result.loads,
  evictions: result.evictions,
  waitP50Ms: Math.round(percentile(result.waitsMs, 0.5)),
  waitP95Ms: Math.round(percentile(result.waitsMs, 0.95)),
  waitP99Ms: Math.round(percentile(result.waitsMs, 0.99)),
  waitSumMs: Math.round(result.waitsMs.reduce((sum, ms) => sum + ms, 0)),
  prefixHit: round(result.prefixHits / Math.max(1, result.laterTurns)),
  makespanMs: Math.round(result.makespanMs),
  requests: result.requests,
  refused: result.refused,
  fairness: round(fairnessOf(result)),
  violations: result.violations,
});

export const runOurs = (scenario: Scenario, options: DecidePolicyOptions = {}): RunFigures =>
  figuresOf('ours', new World(scenario, new DecidePolicy(scenario, options)).run());

export const runBaseline = (scenario: Scenario, baseline: Baseline): RunFigures =>
  figuresOf(baseline, new World(scenario, new BaselinePolicy(baseline, scenario)).run());

/** The same demand under ours and the baselines. */
export const runAll = (scenario: Scenario): readonly RunFigures[] => [
  runOurs(scenario),
  runBaseline(scenario, 'lru'),
  runBaseline(scenario, 'count'),
  runBaseline(scenario, 'one_host'),
];
