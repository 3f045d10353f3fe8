import type { ModelEntry, NodeHealth } from '@cortex/protocol';

/** States in which a model holds memory. */
const HELD: ReadonlySet<string> = new Set(['loaded', 'loading', 'sleeping', 'recovering']);

type Held = Pick<ModelEntry, 'status' | 'vram_used_mb'>;

/** The memory of one simulated GPU; undefined size: a node that does not say. */
export class FakeMemory {
  readonly totalMib: number | undefined;

  constructor(totalMib: number | undefined) {
    this.totalMib = totalMib;
  }

  get discovered() {
    if (this.totalMib === undefined) return {};
    const device = { index: 0, name: 'fake GPU', kind: 'cuda', vram_total_mb: this.totalMib };
    return { devices: [device] };
  }

  readings(models: readonly Held[]): NodeHealth['devices'] {
    if (this.totalMib === undefined) return [];
    const freeMib = this.totalMib - heldMib(models);
    return [{ index: 0, kind: 'cuda', vram_free_mb: freeMib, foreign_mb: 0 }];
  }

  /** MiB that are missing for a load beside `models`; 0: it fits. */
  missingMib(needMib: number, models: readonly Held[]): number {
    return Math.max(0, needMib + heldMib(models) - (this.totalMib ?? Infinity));
  }
}

const heldMib = (models: readonly Held[]): number =>
  models
    .filter(({ status }) => HELD.has(status))
    .reduce((sum, { vram_used_mb: mib = 0 }) => sum + mib, 0);
