import { Random, zipf } from './random.ts';
import type { Conversation, Incident, Scenario, SimModel, SimNode, Turn } from './scenario.ts';

/** Sizes of usual quants, MiB: 3B, 8B twice, 14B, 24B and 32B. */
const SIZES = [2500, 5500, 5500, 9500, 15_000, 20_000] as const;
/** Sizes of usual cards less the desktop, MiB. */
const CARDS = [7500, 11_500, 15_500, 23_500] as const;
/** SATA, NVMe, and NVMe on a fast bus: MiB a second. */
const DISKS = [500, 1500, 3000] as const;

export interface Size {
  readonly nodes: number;
  readonly models: number;
  /** Conversations that run at the same time, on average. */
  readonly concurrent: number;
  readonly durationMs: number;
  readonly incidents: boolean;
}

function nodesOf(random: Random, count: number): readonly SimNode[] {
  return Array.from({ length: count }, (_, index) => {
    // The largest card is always there, so that every model has a place.
    const vramMib = index === 0 ? 23_500 : random.pick(CARDS);
    return {
      name: `node-${String(index).padStart(4, '0')}`,
      vramMib,
      loadMibS: random.pick(DISKS),
      speed: vramMib >= 20_000 ? 1.5 : 1,
    };
  });
}

const modelsOf = (random: Random, count: number): readonly SimModel[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `model-${String(index).padStart(4, '0')}`,
    sizeMib: random.pick(SIZES),
    slots: 4,
    priority: random.below(3),
  }));

/** An agent asks again at once, a person after a while. */
function turnsOf(random: Random, model: string): readonly Turn[] {
  const isAgent = random.next() < 0.6;
  const count = 1 + Math.floor(random.exponential(isAgent ? 12 : 5));
  return Array.from({ length: count }, () => ({
    model,
    pauseMs: isAgent ? random.logUniform(500, 5000) : random.logUniform(4000, 60_000),
    prefillMs: random.logUniform(200, 4000),
    decodeMs: random.logUniform(500, 15_000),
  }));
}

function conversationsOf(
  random: Random,
  models: readonly SimModel[],
  size: Size,
): readonly Conversation[] {
  const rank = zipf(random, models.length);
  const conversations: Conversation[] = [];
  // A conversation lasts about two minutes when nothing is in its way.
  const everyMs = 120_000 / size.concurrent;
  for (let atMs = 0; atMs < size.durationMs; atMs += random.exponential(everyMs)) {
    const isBurst = random.next() < 0.03;
    for (let count = isBurst ? 5 : 1; count > 0; count -= 1) {
      const model = models[rank()]?.id ?? '';
      conversations.push({
        id: `c${conversations.length}`,
        startMs: atMs,
        turns: turnsOf(random, model),
      });
    }
  }
  return conversations;
}

function incidentsOf(
  random: Random,
  nodes: readonly SimNode[],
  durationMs: number,
): readonly Incident[] {
  const incidents: Incident[] = [];
  const count = Math.max(1, Math.round(nodes.length / 10));
  for (let index = 0; index < count; index += 1) {
    const [lost, taken, slow] = [random.pick(nodes), random.pick(nodes), random.pick(nodes)];
    const atMs = (0.2 + 0.5 * random.next()) * durationMs;
    incidents.push({ kind: 'node_down', atMs, node: lost.name });
    incidents.push({ kind: 'node_up', atMs: atMs + 120_000, node: lost.name });
    const mib = Math.round(taken.vramMib * 0.4);
    incidents.push({ kind: 'foreign', atMs: atMs * 0.8, node: taken.name, mib });
    incidents.push({ kind: 'foreign', atMs: atMs * 0.8 + 180_000, node: taken.name, mib: 0 });
    incidents.push({ kind: 'slow_loads', atMs: atMs * 0.5, node: slow.name, factor: 4 });
  }
  return incidents.toSorted((a, b) => a.atMs - b.atMs);
}

const TWENTY_MIN_MS = 1_200_000;

/** Six hosts, and more models in use than fit. */
export const contended = (seed: number): Scenario =>
  mixed('contended', seed, {
    nodes: 6,
    models: 14,
    concurrent: 24,
    durationMs: TWENTY_MIN_MS,
    incidents: false,
  });

/** As `contended`, with 28 models, which need three times the memory of the hosts: requests wait whoever decides. */
export const overloaded = (seed: number): Scenario =>
  mixed('overloaded', seed, {
    nodes: 6,
    models: 28,
    concurrent: 24,
    durationMs: TWENTY_MIN_MS,
    incidents: false,
  });

/** 28 models on 8 hosts, with lost nodes, slow disks and programs that take a GPU. */
export const mishaps = (seed: number): Scenario =>
  mixed('mishaps', seed, {
    nodes: 8,
    models: 28,
    concurrent: 24,
    durationMs: TWENTY_MIN_MS,
    incidents: true,
  });

/** Everything fits. */
export const calm = (seed: number): Scenario =>
  mixed('calm', seed, {
    nodes: 14,
    models: 12,
    concurrent: 10,
    durationMs: TWENTY_MIN_MS,
    incidents: false,
  });

/** Conversations of people and agents over a fleet of unlike hosts. */
export function mixed(name: string, seed: number, size: Size): Scenario {
  const random = new Random(seed);
  const nodes = nodesOf(random, size.nodes);
  const models = modelsOf(random, size.models);
  const conversations = conversationsOf(random, models, size);
  const incidents = size.incidents ? incidentsOf(random, nodes, size.durationMs) : [];
  return { name, nodes, models, conversations, incidents };
}

/** Three unequal hosts, one asleep; two agents with subagents, and a person in a chat. */
export function household(seed: number): Scenario {
  const random = new Random(seed);
  const nodes: SimNode[] = [
    { name: 'desktop', vramMib: 23_500, loadMibS: 3000, speed: 1.5 },
    { name: 'laptop', vramMib: 7500, loadMibS: 1500, speed: 0.8 },
    { name: 'server', vramMib: 15_500, loadMibS: 500, speed: 1, isAsleep: true },
  ];
  const model = (id: string, sizeMib: number): SimModel => ({ id, sizeMib, slots: 4, priority: 1 });
  const models = [
    model('coder', 19_000),
    model('explorer', 5500),
    model('chat', 9500),
    model('small', 2500),
  ];
  const agent = (id: string, startMs: number): Conversation[] => {
    const turns = (name: string, count: number): Turn[] =>
      Array.from({ length: count }, () => ({
        model: name,
        pauseMs: random.logUniform(500, 4000),
        prefillMs: random.logUniform(500, 4000),
        decodeMs: random.logUniform(1000, 10_000),
      }));
    const main = { id, startMs, turns: turns('coder', 40) };
    const subagents = Array.from({ length: 6 }, (_, index) => ({
      id: `${id}-sub${index}`,
      startMs: startMs + 20_000 + index * 45_000,
      turns: turns('explorer', 8),
    }));
    return [main, ...subagents];
  };
  const person: Conversation = {
    id: 'person',
    startMs: 10_000,
    turns: Array.from({ length: 15 }, () => ({
      model: 'chat',
      pauseMs: random.logUniform(8000, 60_000),
      prefillMs: 500,
      decodeMs: random.logUniform(3000, 12_000),
    })),
  };
  const conversations = [...agent('agent1', 0), ...agent('agent2', 30_000), person];
  return { name: 'household', nodes, models, conversations, incidents: [] };
}

/** An orchestrator, explorers and a coder on three models in turn, with room for one at a time. */
export function orchestrator(seed: number): Scenario {
  const random = new Random(seed);
  const nodes: SimNode[] = [{ name: 'only', vramMib: 23_500, loadMibS: 1500, speed: 1 }];
  const models = ['planner', 'explorer', 'coder'].map((id) => ({
    id,
    sizeMib: 15_000,
    slots: 4,
    priority: 1,
  }));
  const conversations = models.flatMap(({ id }, index) =>
    Array.from({ length: id === 'explorer' ? 3 : 1 }, (_, copy) => ({
      id: `${id}-${copy}`,
      startMs: index * 2000 + copy * 300,
      turns: Array.from({ length: 40 }, () => ({
        model: id,
        pauseMs: random.logUniform(300, 700),
        prefillMs: 200,
        decodeMs: random.logUniform(600, 1200),
      })),
    })),
  );
  return { name: 'orchestrator', nodes, models, conversations, incidents: [] };
}
