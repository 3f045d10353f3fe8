import type { Alias, CatalogueModel, FleetSnapshot } from '@cortex/fleet';
import { systemClock } from '@cortex/service';
import { FakeClock, type FakeNeuron } from '@cortex/testkit';

import type { AcquireRequest, ControlConfig, Lease } from '../src/control/control.ts';
import { createControl } from '../src/control/create-control.ts';
import { NodeTransport } from '../src/wire/node-transport.ts';

export const POLL_MS = 10_000;
export const FAST_POLL_MS = 1_000;
export const CONNECT_MS = 5_000;

interface Setup {
  readonly neurons: Readonly<Record<string, FakeNeuron>>;
  readonly catalogue?: readonly CatalogueModel[];
  readonly aliases?: readonly Alias[];
  readonly config?: Partial<ControlConfig>;
}

/** A line at level info or above. */
interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: object;
}

export const configOf = (
  neurons: Setup['neurons'],
  config: Partial<ControlConfig> = {},
): ControlConfig => ({
  nodes: Object.entries(neurons).map(([name, { url }]) => ({ name, endpoint: url })),
  pollIntervalS: POLL_MS / 1000,
  failuresBeforeDown: 3,
  connectS: CONNECT_MS / 1000,
  maxWaiting: 256,
  maxWaitS: 600,
  maxHoldS: 120,
  defragAfterCycles: 50,
  eviction: { strategy: 'lru', minResidencyMs: 10_000 },
  routing: { policy: 'prefix-affinity', affinityLoadFactor: 1.25 },
  starveS: 30,
  holdS: 5,
  autoPull: true,
  ...config,
});

/** A control on fake time in front of fake neurons on real sockets. */
export class ControlUnderTest {
  readonly clock = new FakeClock(1_000_000);
  readonly control;
  readonly logged: LogLine[] = [];
  /** On real time: its connections are real. */
  readonly #transport = new NodeTransport(systemClock);
  readonly #neurons: readonly FakeNeuron[];
  #requests = 0;

  constructor({ neurons, catalogue = [], aliases = [], config }: Setup) {
    this.#neurons = Object.values(neurons);
    this.control = createControl({
      config: configOf(neurons, config),
      catalogue,
      aliases,
      log: {
        debug: () => undefined,
        info: (fields, message) => this.logged.push({ level: 'info', message, fields }),
        warn: (fields, message) => this.logged.push({ level: 'warn', message, fields }),
        error: (fields, message) => this.logged.push({ level: 'error', message, fields }),
      },
      clock: this.clock,
      transport: this.#transport,
    });
  }

  /** Starts a control and waits for the first contact with every node. */
  static async started(setup: Setup): Promise<ControlUnderTest> {
    const under = new ControlUnderTest(setup);
    under.control.start();
    await under.until(({ pendingNodes }) => pendingNodes === 0);
    return under;
  }

  /** Resolves at the first snapshot for which `holds`, at once if it holds now. */
  until(holds: (snapshot: FleetSnapshot) => boolean): Promise<FleetSnapshot> {
    return new Promise((resolve) => {
      const stop = this.control.subscribe((snapshot) => check(snapshot));
      const check = (snapshot: FleetSnapshot) => {
        if (!holds(snapshot)) return;
        stop();
        resolve(snapshot);
      };
      check(this.control.snapshot());
    });
  }

  /** Advances the clock by `pauseMs` during the pause of the node, and resolves when the next poll has been applied. */
  async pollAgain(pauseMs = POLL_MS): Promise<FleetSnapshot> {
    await this.clock.whenSet(pauseMs);
    const { revision } = this.control.snapshot();
    this.clock.advance(pauseMs);
    return this.until((snapshot) => snapshot.revision > revision);
  }

  statusOf(model: string): readonly string[] {
    const replicas = this.control.snapshot().replicasByModel.get(model) ?? [];
    return replicas.map(({ node, status }) => `${node}:${status}`);
  }

  acquire(
    overrides: Partial<AcquireRequest> = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Lease> {
    this.#requests += 1;
    return this.control.acquire(
      {
        requestId: `req_${this.#requests}`,
        model: 'm',
        weight: 1,
        stream: true,
        tried: [],
        arrivedMs: this.clock.nowMs(),
        ...overrides,
      },
      signal,
    );
  }

  async close(): Promise<void> {
    await this.control.close();
    this.#transport.close();
    await Promise.all(this.#neurons.map((neuron) => neuron.close()));
  }
}

/** The error of a request that must be refused, as a client would see it. */
export async function refusal(attempt: Promise<unknown>): Promise<unknown> {
  try {
    await attempt;
  } catch (error) {
    return error;
  }
  throw new Error('was not refused');
}
