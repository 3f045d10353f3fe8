import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { DecidedFleet } from '../../test/decided-fleet.ts';
import { type Action, type DecideEvent } from '../index.ts';

const NODES = ['a', 'b', 'c'];
const MODELS = ['m', 'n', 'o', 'p', 'q'];

const OUTCOMES = {
  answer: undefined,
  succeed: { kind: 'succeeded' },
  fail: { kind: 'failed', code: 'node_unreachable' },
} as const;

/** What may happen next, as numbers that are read in the situation of the moment. */
const step = fc.record({
  what: fc.constantFrom(
    'ask',
    'ask',
    'ask',
    'answer',
    'answer',
    'succeed',
    'fail',
    'fail',
    'load_ends',
    'load_fails',
    'load_changed',
    'leave',
    'time',
    'lose',
    'report',
  ),
  pick: fc.nat(1000),
  ms: fc.nat(40_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A fleet under random events, with the books that a caller would keep. */
class Walk {
  readonly fleet: DecidedFleet;
  readonly waiting = new Set<string>();
  readonly running = new Map<
    string,
    { readonly leaseId: string; readonly model: string; readonly node: string }
  >();
  readonly ended = new Set<string>();
  readonly loads = new Map<string, Extract<Action, { kind: 'load' }>>();
  readonly log: string[] = [];
  #ids = 0;

  constructor(order: readonly string[]) {
    const hosts = { a: { gpus: [24_000] }, b: { gpus: [12_000, 12_000] }, c: { gpus: [9000] } };
    const seats = { max_in_flight: 2, max_queue_depth: 1 };
    this.fleet = new DecidedFleet({
      hosts: Object.fromEntries(
        order.map((name) => [name, { ...hosts[name as keyof typeof hosts], seats }]),
      ),
      models: MODELS.map((id, index) => ({
        id,
        vramMb: [3000, 8000, 8000, 15_000, 20_000][index],
        residencyPriority: index === 1 ? 200 : 100,
        maxReplicas: index === 0 ? 2 : 1,
      })),
      settings: { starveMs: 20_000, minResidencyMs: 5000, maxWaitMs: 300_000 },
    });
  }

  take(next: Step): void {
    const model = MODELS[next.pick % MODELS.length] ?? '';
    const node = NODES[next.pick % NODES.length] ?? '';
    const load = [...this.loads.values()][next.pick % Math.max(1, this.loads.size)];
    switch (next.what) {
      case 'ask': {
        this.#ids += 1;
        const id = `q${this.#ids}`;
        this.waiting.add(id);
        this.#done(this.fleet.ask(model, { id, affinityKey: () => `talk ${next.pick % 7}` }));
        break;
      }
      case 'answer':
      case 'succeed':
      case 'fail': {
        const [id, lease] = [...this.running][next.pick % Math.max(1, this.running.size)] ?? [];
        if (id === undefined || !lease) break;
        this.running.delete(id);
        this.ended.add(id);
        this.#tell({ kind: 'lease_ended', leaseId: lease.leaseId, outcome: OUTCOMES[next.what] });
        break;
      }
      case 'load_ends':
      case 'load_fails':
      case 'load_changed': {
        if (!load) break;
        this.loads.delete(`${load.node} ${load.model}`);
        const outcome =
          next.what === 'load_ends'
            ? ({ kind: 'loaded' } as const)
            : next.what === 'load_changed'
              ? ({ kind: 'changed' } as const)
              : ({ kind: 'failed', reason: 'no', isTransient: true } as const);
        this.#done(this.fleet.endLoad(load.node, load.model, outcome));
        break;
      }
      case 'leave': {
        const id = [...this.waiting][next.pick % Math.max(1, this.waiting.size)];
        if (id === undefined) break;
        this.waiting.delete(id);
        this.ended.add(id);
        for (const queued of MODELS) this.#tell({ kind: 'left', model: queued, requestId: id });
        break;
      }
      case 'lose':
        // What ran there ends as well.
        for (const [key, one] of this.loads) if (one.node === node) this.loads.delete(key);
        this.#done(this.fleet.lose(node));
        break;
      case 'report':
        if (this.fleet.state.snapshot.nodes.get(node)?.state !== 'down') break;
        this.#done(this.fleet.after(1));
        this.#done(this.fleet.report(node));
        break;
      case 'time':
        this.#done(this.fleet.after(next.ms));
        break;
    }
  }

  #tell(event: DecideEvent): void {
    this.#done(this.fleet.tell(event));
  }

  #done(actions: readonly Action[]): void {
    for (const action of actions) {
      this.log.push(JSON.stringify(action));
      if (action.kind === 'grant') {
        expect(this.waiting.delete(action.requestId)).toBe(true);
        this.running.set(action.requestId, action);
      } else if (action.kind === 'refuse') {
        expect(this.waiting.delete(action.requestId)).toBe(true);
        this.ended.add(action.requestId);
      } else if (action.kind === 'load') {
        const key = `${action.node} ${action.model}`;
        expect(this.loads.has(key)).toBe(false);
        this.loads.set(key, action);
        for (const { model } of action.after) {
          const isBusy = [...this.running.values()].some(
            (lease) => lease.node === action.node && lease.model === model,
          );
          expect(isBusy).toBe(false);
        }
      } else if (action.kind === 'cancel_load') {
        this.loads.delete(`${action.node} ${action.model}`);
        if (this.fleet.state.reservation(action.node, action.model)) {
          const outcome = { kind: 'cancelled' } as const;
          this.#tell({ kind: 'load_ended', node: action.node, model: action.model, outcome });
        }
      }
    }
  }
}

const walk = (steps: readonly Step[], order = NODES): Walk => {
  const walked = new Walk(order);
  for (const next of steps) walked.take(next);
  return walked;
};

describe('For any sequence of events', () => {
  // Of the default size, sequences are too short for loads to meet.
  const steps = fc.array(step, { maxLength: 120, size: 'max' });

  test('memory is never promised twice, no victim is busy, and a request is in one place', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const walked = walk(all);
        const queued = MODELS.reduce((sum, model) => sum + walked.fleet.state.waiting(model), 0);
        expect(queued).toBe(walked.waiting.size);
        expect(walked.fleet.state.leases.size).toBe(walked.running.size);
      }),
      { numRuns: 200 },
    );
  });

  test('the same events give the same actions, in whatever order the nodes are configured', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const one = walk(all);
        expect(walk(all, NODES.toReversed()).log).toEqual(one.log);
      }),
      { numRuns: 50 },
    );
  });

  test('every request ends and every lease returns once loads succeed and clients leave', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const walked = walk(all);
        for (
          let round = 0;
          round < 400 && walked.waiting.size + walked.running.size > 0;
          round += 1
        ) {
          for (const what of ['load_ends', 'answer', 'report'] as const) {
            walked.take({ what, pick: round, ms: 0 });
          }
          walked.take({ what: 'time', pick: 0, ms: 5000 });
        }
        expect(walked.waiting.size).toBe(0);
        expect(walked.fleet.state.leases.size).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
