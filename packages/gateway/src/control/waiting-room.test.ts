import { describe, expect, test } from 'bun:test';

import type { Replica } from '@cortex/fleet';
import { CortexError } from '@cortex/protocol';
import { FakeClock } from '@cortex/testkit';
import fc from 'fast-check';

import type { AcquireRequest, Lease } from './control.ts';
import { WaitingRoom } from './waiting-room.ts';

const REPLICA: Replica = {
  node: 'a',
  model: 'm',
  basePath: '',
  speedWeight: 1,
  isNodeUp: true,
  isNodeDraining: false,
  status: 'loaded',
  isServable: true,
  isReady: true,
  onDisk: true,
  isPinned: false,
  capabilities: [],
};

/** A waiting room for one replica with `capacity` slots, and a log of its grants. */
class Simulation {
  readonly clock = new FakeClock();
  readonly granted: number[] = [];
  readonly rejected: number[] = [];
  readonly held: { readonly weight: number; readonly lease: Lease }[] = [];
  readonly clients: AbortController[] = [];
  readonly outcomes: Promise<void>[] = [];
  used = 0;
  readonly capacity: number;
  readonly room: WaitingRoom;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.room = new WaitingRoom({
      clock: this.clock,
      limits: () => ({ maxWaiting: 100, maxWaitMs: 1_000, maxHoldMs: 1_000 }),
      select: ({ weight }) =>
        this.used + weight <= this.capacity ? { kind: 'node', replica: REPLICA } : { kind: 'full' },
      grant: (request) => this.#grant(request),
      refuse: () => new CortexError('no_capacity', 'x'),
      expire: () => new CortexError('queue_full', 'x'),
      wantLoad() {},
      left() {},
      waitingBegan() {},
    });
  }

  enter(weight: number): void {
    const index = this.clients.length;
    const client = new AbortController();
    this.clients.push(client);
    const request = {
      requestId: String(index),
      model: 'm',
      weight,
      stream: true,
      tried: [],
      arrivedMs: this.clock.nowMs(),
    };
    this.outcomes.push(
      this.room
        .enter(request, client.signal)
        .then((lease) => void this.held.push({ weight, lease }))
        .catch(() => void this.rejected.push(index)),
    );
  }

  release(): void {
    this.held.shift()?.lease.release();
  }

  #grant({ requestId, weight }: AcquireRequest): Lease {
    this.granted.push(Number(requestId));
    this.used += weight;
    return {
      id: requestId,
      node: 'a',
      model: 'm',
      queueMs: 0,
      loadMs: undefined,
      hasToken: false,
      send: () => Promise.reject(new Error('sends nothing')),
      isNodeDown: () => false,
      release: () => {
        this.used -= weight;
        this.room.pump('m');
      },
    };
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('enter' as const), weight: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('release' as const) }),
  fc.record({ kind: fc.constant('leave' as const), which: fc.nat(30) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
);

describe('the waiting room, for any sequence of requests, releases, disconnects and pauses,', () => {
  test('grants in the order of arrival and within capacity, and ends empty and without timers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const simulation = new Simulation(4);
        for (const one of steps) {
          if (one.kind === 'enter') simulation.enter(one.weight);
          else if (one.kind === 'release') simulation.release();
          else if (one.kind === 'wait') simulation.clock.advance(one.ms);
          else simulation.clients[one.which]?.abort();
          expect(simulation.used).toBeLessThanOrEqual(4);
          // Promises settle, so that a later step can release the granted leases.
          await Promise.resolve();
          await Promise.resolve();
        }
        expect(simulation.granted).toEqual(simulation.granted.toSorted((a, b) => a - b));

        for (const client of simulation.clients) client.abort();
        await Promise.all(simulation.outcomes);
        while (simulation.held.length > 0) simulation.release();
        expect(simulation.used).toBe(0);
        expect(simulation.room.waiting('m')).toBe(0);
        expect(simulation.clock.pendingTimers).toBe(0);
        expect(simulation.granted.length + simulation.rejected.length).toBe(
          simulation.clients.length,
        );
      }),
    );
  });

  test('admits blocked requests when the request that blocks them leaves', async () => {
    const simulation = new Simulation(2);
    simulation.enter(1);
    simulation.enter(2);
    simulation.enter(1);
    expect(simulation.granted).toEqual([0]);
    simulation.clients[1]?.abort();
    await Promise.all(simulation.outcomes);
    expect(simulation.granted).toEqual([0, 2]);
    expect(simulation.rejected).toEqual([1]);
  });
});
