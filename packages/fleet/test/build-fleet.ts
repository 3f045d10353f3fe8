import type { DecisionContext } from '../src/decision-context.ts';
import type { Discovery, ModelEntry, ModelLoad, NodeHealth } from '@cortex/protocol';

import {
  type Alias,
  type CatalogueModel,
  type FleetConfig,
  FleetState,
  type NodeReported,
} from '../src/index.ts';

export const entry = (id: string, overrides: Partial<ModelEntry> = {}): ModelEntry => ({
  id,
  harness: 'llama',
  status: 'loaded',
  devices: [],
  capabilities: [],
  settings: {},
  generation: 1,
  pinned: false,
  on_disk: true,
  ...overrides,
});

export const load = (id: string, overrides: Partial<ModelLoad> = {}): ModelLoad => ({
  id,
  in_flight: 0,
  queue_depth: 0,
  max_in_flight: 4,
  max_queue_depth: 32,
  rejected: {},
  ...overrides,
});

export const health = (
  models: readonly ModelLoad[] = [],
  overrides: Partial<NodeHealth> = {},
): NodeHealth => ({
  uptime_secs: 1,
  ready: true,
  draining: false,
  activation: { state: 'ready', pending: [], completed: [], failed: [] },
  devices: [],
  models: [...models],
  harnesses: [],
  ...overrides,
});

export const discovery = (overrides: Partial<Discovery> = {}): Discovery => ({
  hostname: 'host',
  os: 'Linux',
  kernel: '6',
  arch: 'x64',
  cpu: { model: 'cpu', cores: 8 },
  ram_total_mb: 1,
  storage: [],
  devices: [],
  harnesses: ['llama'],
  ...overrides,
});

export const gpu = (index: number, vramMb: number) => ({
  index,
  name: 'gpu',
  kind: 'cuda',
  vram_total_mb: vramMb,
});

/** A report of a node at `sentMs`, with a load report for every loaded model. */
export const report = (
  node: string,
  models: readonly ModelEntry[],
  overrides: Partial<NodeReported> = {},
): NodeReported => ({
  kind: 'node_reported',
  node,
  sentMs: 1,
  atMs: 1,
  health: health(models.filter(({ status }) => status === 'loaded').map(({ id }) => load(id))),
  models,
  discovery: discovery(),
  ...overrides,
});

export interface FleetOptions {
  readonly nodes: readonly string[];
  readonly catalogue?: readonly CatalogueModel[];
  readonly aliases?: Readonly<Record<string, string | readonly string[]>>;
}

const aliasesOf = (aliases: NonNullable<FleetOptions['aliases']>): readonly Alias[] =>
  Object.entries(aliases).map(([name, models]) => ({
    name,
    models: typeof models === 'string' ? [models] : models,
    listed: false,
  }));

export const fleetConfig = ({ nodes, catalogue, aliases }: FleetOptions): FleetConfig => ({
  nodes: nodes.map((name) => ({ name, endpoint: `http://${name}:13131` })),
  catalogue: catalogue ?? [],
  aliases: aliasesOf(aliases ?? {}),
  failuresBeforeDown: 3,
});

/** A fleet that was configured at 0 and has received `reports`. */
export function fleet(options: FleetOptions, reports: readonly NodeReported[] = []): FleetState {
  const state = new FleetState();
  state.apply({ kind: 'config_changed', config: fleetConfig(options), atMs: 0 });
  for (const event of reports) state.apply(event);
  return state;
}

/** `missed` three times, which takes a node down. */
export function takeDown(state: FleetState, node: string, atMs = 2): void {
  for (let count = 0; count < 3; count += 1) {
    state.apply({ kind: 'node_missed', node, atMs, error: 'connection refused' });
  }
}

/** No leases, no failures, at time 10. */
export const quiet: DecisionContext = {
  leases: { ownByNode: () => undefined },
  failures: { failure: () => undefined },
  nowMs: 10,
};

export const withLeases = (
  leases: Readonly<Record<string, Readonly<Record<string, number>>>>,
): DecisionContext => ({
  ...quiet,
  leases: {
    ownByNode(model) {
      const own = leases[model];
      return own && new Map(Object.entries(own));
    },
  },
});
