import { CortexError } from '@cortex/protocol';

import type { Harness } from './harness.ts';

/** The harnesses of this node, by name. */
export interface HarnessRegistry {
  readonly all: readonly Harness[];
  /** Names and kinds by which a model can name a harness now. */
  readonly names: readonly string[];
  /** By name, else the first of that kind. */
  find(name: string): Harness | undefined;
  /** @throws CortexError `model_load_failed` naming the harnesses that exist */
  get(name: string): Harness;
}

const available = (harnesses: readonly Harness[]): readonly Harness[] =>
  harnesses.filter((harness) => harness.isAvailable?.() ?? true);

/** A registry of exactly these harnesses. */
export function createHarnessRegistry(harnesses: readonly Harness[]): HarnessRegistry {
  const byName = new Map(harnesses.map((harness) => [harness.name, harness]));
  const find = (name: string): Harness | undefined =>
    [byName.get(name), ...harnesses.filter(({ kind }) => kind === name)].find(
      (harness) => harness?.isAvailable?.() ?? harness !== undefined,
    );
  return {
    all: harnesses,
    get names() {
      return [...new Set(available(harnesses).flatMap(({ name, kind }) => [name, kind]))];
    },
    find,
    get(name) {
      const harness = find(name);
      if (harness) return harness;
      const known = available(harnesses)
        .map((other) => other.name)
        .join(', ');
      throw new CortexError(
        'model_load_failed',
        `This node has no harness ${name}. Available: ${known}.`,
        { param: 'harness' },
      );
    },
  };
}
