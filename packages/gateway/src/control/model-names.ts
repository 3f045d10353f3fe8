import {
  fitsBeside,
  isKnownModel,
  nameForUnnamed,
  resolveModel,
  type Resolution,
} from '@cortex/fleet';
import type { Clock } from '@cortex/service';

import type { FleetLoop } from './fleet-loop.ts';
import type { Rescan } from './rescan.ts';

interface ModelNamesDeps {
  readonly clock: Clock;
  readonly loop: FleetLoop;
  readonly rescan: Rescan;
  /** Maximum wait for nodes that have not answered yet. */
  readonly connectMs: () => number;
}

/** Resolves the names in requests: aliases, models, and models that no node has reported yet. */
export class ModelNames {
  readonly #deps: ModelNamesDeps;

  constructor(deps: ModelNamesDeps) {
    this.#deps = deps;
  }

  /** @see Control.resolve */
  resolve(asked: string): Resolution {
    if (this.#mayBeOnPendingNode(asked)) return { kind: 'unknown', near: [] };
    return this.#resolve(asked);
  }

  /** @see Control.resolveSettled */
  async resolveSettled(asked: string, signal: AbortSignal): Promise<Resolution> {
    const { rescan } = this.#deps;
    if (this.#mayBeOnPendingNode(asked)) await this.firstContact(signal);
    const resolution = this.#resolve(asked);
    if (resolution.kind === 'model') return resolution;
    // The file may have just been added to a models folder.
    await rescan.request(signal);
    return this.#resolve(asked);
  }

  /** @see Control.nameForUnnamed */
  async nameForUnnamed(signal: AbortSignal): Promise<string | undefined> {
    const { loop } = this.#deps;
    if (this.#mayBeOnPendingNode('default')) await this.firstContact(signal);
    return nameForUnnamed(loop.snapshot);
  }

  /** Resolves once it is known whether a node or the catalogue has the model. */
  async settle(model: string, signal: AbortSignal): Promise<void> {
    const { loop, rescan } = this.#deps;
    await this.firstContact(signal);
    if (!isKnownModel(loop.snapshot, model)) await rescan.request(signal);
  }

  /** Resolves when every node has answered or missed once, after `connectMs` at the latest, or when `signal` aborts. */
  firstContact(signal: AbortSignal): Promise<void> {
    const { clock, loop, connectMs } = this.#deps;
    if (loop.snapshot.pendingNodes === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        stop();
        cancelTimer();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const stop = loop.subscribe(({ pendingNodes }) => {
        if (pendingNodes === 0) end();
      });
      const cancelTimer = clock.setTimer(connectMs(), end);
      signal.addEventListener('abort', end, { once: true });
    });
  }

  #resolve(asked: string): Resolution {
    const { loop } = this.#deps;
    return resolveModel(loop.snapshot, asked, (model) => fitsBeside(loop.state, model));
  }

  /** A node without a first contact may have a model of this name, which has priority over globs and `default`. */
  #mayBeOnPendingNode(asked: string): boolean {
    const { snapshot } = this.#deps.loop;
    if (snapshot.pendingNodes === 0) return false;
    return !snapshot.aliases.exact.has(asked) && !isKnownModel(snapshot, asked);
  }
}
