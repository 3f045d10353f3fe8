import { CortexError } from '@cortex/protocol';

import type { Harness } from './harness.ts';

/** The harnesses of this node, by name. */
export interface HarnessRegistry {
  readonly all: readonly Harness[];
  find(name: string): Harness | undefined;
  /** @throws CortexError `model_load_failed` naming the harnesses that exist */
  get(name: string): Harness;
}

/** A registry of exactly these harnesses. */
export function createHarnessRegistry(harnesses: readonly Harness[]): HarnessRegistry {
  const byName = new Map(harnesses.map((harness) => [harness.name, harness]));
  return {
    all: harnesses,
    find: (name) => byName.get(name),
    get(name) {
      const harness = byName.get(name);
      if (harness) return harness;
      const known = [...byName.keys()].join(', ');
      throw new CortexError(
        'model_load_failed',
        `This node has no harness ${name}. Available: ${known}.`,
        { param: 'harness' },
      );
    },
  };
}
