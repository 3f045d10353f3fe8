import { CortexError } from '@cortex/protocol';

import type { Harness } from './harness.ts';

/** The harnesses of this node, by name. */
export interface HarnessRegistry {
  readonly all: readonly Harness[];
  /** Those that can load a model now: without a llama-server of which this machine has none. */
  readonly available: readonly Harness[];
  /** Names and kinds by which a model can name a harness now. */
  readonly names: readonly string[];
  /** By name, else the first of that kind. */
  find(name: string): Harness | undefined;
  /** @throws CortexError `model_load_failed` naming the harnesses that exist */
  get(name: string): Harness;
}

const isAvailable = (harness: Harness): boolean => harness.isAvailable?.() ?? true;

/** A registry of exactly these harnesses. */
export function createHarnessRegistry(harnesses: readonly Harness[]): HarnessRegistry {
  const byName = new Map(harnesses.map((harness) => [harness.name, harness]));
  const find = (name: string): Harness | undefined =>
    [byName.get(name), ...harnesses.filter(({ kind }) => kind === name)].find(
      (harness) => harness && isAvailable(harness),
    );
  return {
    all: harnesses,
    get available() {
      return harnesses.filter(isAvailable);
    },
    get names() {
      return [...new Set(this.available.flatMap(({ name, kind }) => [name, kind]))];
    },
    find,
    get(name) {
      const harness = find(name);
      if (harness) return harness;
      const known = this.available.map((other) => other.name).join(', ');
      throw new CortexError(
        'model_load_failed',
        `This node has no harness ${name}. Available: ${known}.`,
        { param: 'harness' },
      );
    },
  };
}
