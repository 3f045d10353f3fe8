/**
 * `npm run sim -- --nodes 6 --models 14`: one simulated fleet under ours and three other schedulers.
 *
 * `--concurrent N` conversations at a time, `--minutes N`, `--seed N`, `--incidents` (lost nodes, slow disks, programs
 * that take a GPU), `--scenario household|orchestrator` instead of a fleet of its own, `--json`.
 */
import { parseArgs } from 'node:util';

import { runAll, type RunFigures } from './compare.ts';
import { household, mixed, orchestrator } from './scenarios.ts';

const { values: flags } = parseArgs({
  options: {
    nodes: { type: 'string', default: '6' },
    models: { type: 'string', default: '14' },
    concurrent: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    incidents: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

function scenarioOf() {
  const seed = Number(flags.seed);
  if (flags.scenario === 'household') return household(seed);
  if (flags.scenario === 'orchestrator') return orchestrator(seed);
  return mixed('fleet', seed, {
    nodes: Number(flags.nodes),
    models: Number(flags.models),
    concurrent: Number(flags.concurrent),
    durationMs: Number(flags.minutes) * 60_000,
    incidents: flags.incidents,
  });
}

const COLUMNS: readonly (readonly [string, (run: RunFigures) => string | number])[] = [
  ['scheduler', ({ scheduler }) => scheduler],
  ['loads', ({ loads }) => loads],
  ['evictions', ({ evictions }) => evictions],
  ['wait p50', ({ waitP50Ms }) => `${waitP50Ms} ms`],
  ['p95', ({ waitP95Ms }) => `${waitP95Ms} ms`],
  ['p99', ({ waitP99Ms }) => `${waitP99Ms} ms`],
  ['prefix hits', ({ prefixHit }) => prefixHit],
  ['makespan', ({ makespanMs }) => `${Math.round(makespanMs / 1000)} s`],
  ['fairness', ({ fairness }) => fairness],
  ['requests', ({ requests }) => requests],
  ['refused', ({ refused }) => refused],
  ['violations', ({ violations }) => violations.length],
];

const runs = runAll(scenarioOf());
if (flags.json) {
  console.log(JSON.stringify(runs));
} else {
  for (const row of [
    COLUMNS.map(([title]) => title),
    ...runs.map((run) => COLUMNS.map(([, of]) => String(of(run)))),
  ]) {
    console.log(row.map((cell) => cell.padEnd(12)).join(''));
  }
  for (const { scheduler, violations } of runs) {
    for (const text of violations.slice(0, 5)) console.log(`${scheduler}: ${text}`);
  }
}
