/** The lifecycle of one model on a fake harness and a fake disk, for tests of its states. */
import { CortexError, toCortexError } from '@cortex/protocol';
import { createLogger } from '@cortex/service';

import { Admission } from '../src/admission/admission.ts';
import { MemoryLedger } from '../src/devices/memory-ledger.ts';
import { createHarnessRegistry } from '../src/harness/registry.ts';
import { ModelLifecycle } from '../src/models/model-lifecycle.ts';
import { NO_RESIDENCY } from '../src/node-state.ts';
import { FakeHarness } from './fake-harness.ts';

export const ID = 'm';
const FILE = {
  id: ID,
  path: '/models/m.gguf',
  parts: ['/models/m.gguf'],
  sizeBytes: 1,
  isPartial: false,
  modifiedMs: 0,
};

/** One model. Ledger and admission are real. */
export class LifecycleUnderTest {
  readonly fake = new FakeHarness();
  readonly admission = new Admission({ maxQueueDepth: 8, maxWaitMs: 60_000, maxPerPrincipal: 0 });
  readonly states: string[] = ['unloaded'];
  readonly problems: unknown[] = [];
  /** False: a load has to pull the file first. */
  isOnDisk = true;
  readonly lifecycle: ModelLifecycle;
  readonly ledger = new MemoryLedger({
    cpuMemoryMib: 1000,
    reserveMib: 0,
    devices: () => [],
    refresh: () => Promise.resolve(),
  });
  readonly #callers = new Set<AbortController>();
  #calls = 0;
  readonly #seats: (() => void)[] = [];
  #fingerprint = 0;
  readonly #files = new Map([[ID, this.#file]]);

  constructor() {
    const { harness } = this.fake;
    this.lifecycle = new ModelLifecycle(
      ID,
      {
        admission: this.admission,
        harnesses: createHarnessRegistry([harness]),
        ledger: this.ledger,
        log: createLogger({ name: 'test', level: 'silent' }),
        checkLoad: () => undefined,
        abandonMs: 0,
        complete: (request) => request,
        learned: {
          surplusMib: () => 0,
          ranOut: () => undefined,
          measured: () => undefined,
        },
        endAbandonedLoads: () => Promise.resolve(false),
        state: { residency: () => NO_RESIDENCY, setResidency: () => undefined },
        devices: { ready: () => Promise.resolve(), place: () => CPU, mostDevices: () => 1 },
        store: {
          files: this.#files,
          knows: () => this.isOnDisk,
          find: () => Promise.resolve(this.#file),
          findHeader: () => Promise.resolve(this.#file),
          ensure: async ({ source }, { signal }) => {
            if (source !== undefined) await this.fake.pull(signal);
            return this.#file;
          },
          draftBeside: () => Promise.resolve(undefined),
          predictionLayers: () => Promise.resolve(undefined),
          findSource: () => Promise.reject(new Error('no source')),
        },
      },
      () => this.states.push(this.lifecycle.state),
    );
    harness.onChange(() => this.lifecycle.harnessChanged());
  }

  get #file() {
    return { ...FILE, fingerprint: String(this.#fingerprint) };
  }

  load(how: 'waits' | 'asks' | 'operator'): void {
    const caller = new AbortController();
    this.#callers.add(caller);
    const source = this.isOnDisk ? undefined : 'hf:org/m';
    const request = { model_id: ID, source, detached: how === 'operator' || undefined };
    this.#watch(this.lifecycle.load(request, how === 'asks' ? undefined : caller.signal));
  }

  unload(options: { readonly force: boolean; readonly ifIdle: boolean }): void {
    const caller = new AbortController();
    this.#callers.add(caller);
    this.#watch(this.lifecycle.unload({ ...options, ifGeneration: undefined }, caller.signal));
  }

  sleep(outcome: 'sleeps' | 'fails'): void {
    const failure = new CortexError('no_capacity', 'it cannot sleep');
    this.fake.sleepFailure = outcome === 'fails' ? failure : undefined;
    this.#watch(this.lifecycle.sleep());
  }

  wake(): void {
    const caller = new AbortController();
    this.#callers.add(caller);
    this.#watch(this.lifecycle.wake(caller.signal));
  }

  /** The caller that has waited longest leaves. */
  leave(): void {
    const [caller] = this.#callers;
    if (!caller) return;
    this.#callers.delete(caller);
    caller.abort(LEFT);
  }

  replaceFile(): void {
    this.#fingerprint += 1;
    this.#files.set(ID, this.#file);
    this.lifecycle.filesScanned();
  }

  takeSeat(): void {
    if (this.lifecycle.state !== 'loaded') return;
    const request = { modelId: ID, slots: 8, weight: 1, isStreamed: true, principal: 'p' };
    const seat = this.admission.take(request);
    this.#seats.push(() => seat.release());
  }

  releaseSeat(): void {
    this.#seats.shift()?.();
  }

  /** Waits until nothing goes on but what a test has to end: loads, requests and waits for them. */
  async settle(): Promise<void> {
    // The evidence of a load reads the disk, which takes as long as the machine is busy.
    const endMs = performance.now() + 10_000;
    for (let turn = 0; turn < 20 || this.#isBusy; turn += 1) {
      if (performance.now() > endMs) throw new Error(`still ${this.lifecycle.state}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Lets everything end. */
  async finish(): Promise<void> {
    for (const release of this.#seats) release();
    for (const caller of this.#callers) caller.abort(LEFT);
    do {
      this.#watch(this.lifecycle.unload({ force: true, ifIdle: false, ifGeneration: undefined }));
      await this.settle();
      // A load that was asked for may begin only now.
    } while (this.#calls > 0 || this.lifecycle.state !== 'unloaded');
  }

  /** The load has not reached the harness yet. */
  get #isBusy(): boolean {
    const { state } = this.lifecycle;
    if (state === 'pulling') return !this.fake.isPulling;
    if (state === 'loading') return !this.fake.isLoading(ID) && !this.fake.isPulling;
    return state === 'unloading';
  }

  #watch(call: Promise<unknown>): void {
    this.#calls += 1;
    call
      .catch((error: unknown) => {
        // An expected outcome has a code, or is the reason of a caller that left.
        const isExpected = error === LEFT || toCortexError(error).code !== 'internal_error';
        if (!isExpected) this.problems.push(error);
      })
      .finally(() => {
        this.#calls -= 1;
      });
  }
}

const LEFT = new Error('the caller left');
const CPU = { backend: 'cpu', deviceIndexes: [], env: {} } as const;
