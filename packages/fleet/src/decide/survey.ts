/** Which nodes can hold a model at all, in which way, and in which order they are preferred (rule 31). */
import { type Lacking, permanentLack, temporaryLack } from '../feasibility.ts';
import { replicaLoad } from '../replica-load.ts';
import type { NodeSnapshot } from '../snapshot.ts';
import type { DecideState } from './decide-state.ts';
import type { Newcomer } from './evictable.ts';
import { hasRoomFor, mostMib, tierOf, TIERS } from './fit-node.ts';
import { needMib } from './need.ts';
import type { DeviceSet } from './node-room.ts';
import type { Candidate } from './record.ts';
import { sleepOf } from './sleep.ts';

export interface PlaceQuestion {
  readonly model: string;
  /** The only node; undefined: any. */
  readonly node?: string | undefined;
  /** Nodes that failed the request: they come last. */
  readonly tried: readonly string[];
  /** False: only where there is room. */
  readonly mayEvict: boolean;
  /** It has waited long enough for what is in its way: neither turns nor conversations protect that. */
  readonly isUrgent?: boolean | undefined;
}

/** A node that can hold the model once there is room. */
export interface Option {
  readonly node: NodeSnapshot;
  readonly sets: readonly DeviceSet[];
  /** Smaller is better, compared from the left: what decides before room does. */
  readonly rank: readonly number[];
}

export interface Survey {
  /** Best first. */
  readonly options: readonly Option[];
  /** The nodes that are no options, with what they lack. */
  readonly candidates: readonly Candidate[];
  /** Nodes that become an option when another program or a starving model gives memory back. */
  readonly hoped: readonly string[];
}

const hasGpu = ({ devices }: NodeSnapshot): boolean => devices.some(({ isCpu }) => !isCpu);

/**
 * The worst tier that is allowed. Layers go to RAM, and models to the CPU, only if no node of the fleet could hold the
 * model on a GPU, asleep or not, or with `allow_cpu`.
 */
function worstTier(state: DecideState, model: string): number {
  const { nodes, catalogue } = state.snapshot;
  let worst = TIERS.length - 1;
  if (catalogue.get(model)?.allowCpu === true) return worst;
  for (const node of nodes.values()) {
    if (worst === 0) break;
    if (node.state !== 'up' && !node.isExpectedOffline) continue;
    if (!hasGpu(node) || permanentLack(state.snapshot, node, model) !== undefined) continue;
    worst = Math.min(worst, tierOf(state, node, model)?.tier ?? worst);
  }
  return worst;
}

/** Whether the node could hold the model if it were up and empty; true for one that has never told its devices. */
export const couldHold = (state: DecideState, node: NodeSnapshot, model: string): boolean =>
  permanentLack(state.snapshot, node, model) === undefined &&
  tierOf(state, node, model) !== undefined;

/** Requests on the replica of the model on a node. */
export function loadOn(
  state: DecideState,
  { name, replicas }: NodeSnapshot,
  model: string,
): number {
  const replica = replicas.get(model);
  return replica ? replicaLoad(replica, state.leases.on(model, name)) : 0;
}

export function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rankOf(
  state: DecideState,
  { node, tier, question }: { node: NodeSnapshot; tier: number; question: PlaceQuestion },
): readonly number[] {
  const replica = node.replicas.get(question.model);
  const pinnedOn = state.snapshot.catalogue.get(question.model)?.pinnedOn;
  return [
    Number(question.tried.includes(node.name)),
    Number(state.circuits.isAvoided({ node: node.name, model: question.model }, state.nowMs)),
    Number(replica?.status === 'failed'),
    Number(pinnedOn?.includes(node.name) !== true),
    tier,
    Number(replica?.status !== 'sleeping'),
    Number(replica?.onDisk !== true),
  ];
}

/**
 * Whether `option` is a place of a worse kind than one that only lacks room for now: a slower tier, or a download. A
 * request waits for room rather than for that.
 */
export function isWorseKind({ rank }: Option, blocked: Option): boolean {
  const isWorseAt = (position: number): boolean =>
    (rank[position] ?? 0) > (blocked.rank[position] ?? 0);
  return isWorseAt(4) || isWorseAt(6);
}

/** Whether a load may download the files of the model there, or need not. */
function mayPull(
  { settings, snapshot }: DecideState,
  node: NodeSnapshot,
  { model, isUrgent }: Newcomer,
): boolean {
  const hasSource = snapshot.catalogue.get(model)?.source !== undefined;
  // The operator may always.
  return settings.autoPull || isUrgent || !hasSource || node.replicas.get(model)?.onDisk === true;
}

/** The other model for which this cortex keeps the node, if its requests have waited as long. */
function olderClaimant(
  { claims, queues }: DecideState,
  node: string,
  { model, oldestMs }: { readonly model: string; readonly oldestMs: number },
): string | undefined {
  const claimant = claims.get(node);
  if (claimant === undefined || claimant === model) return undefined;
  return (queues.get(claimant)?.oldestMs ?? Infinity) <= oldestMs ? claimant : undefined;
}

/** What a node lacks for the newcomer now, room aside. */
function lackOf(state: DecideState, node: NodeSnapshot, newcomer: Newcomer): Lacking | undefined {
  const { model, oldestMs = Infinity, isUrgent } = newcomer;
  const lack =
    permanentLack(state.snapshot, node, model) ?? temporaryLack(node, model, state.context);
  // A host that sleeps is not just down.
  if (lack?.what === 'up') return { ...lack, have: sleepOf(state, node) ?? lack.have };
  if (lack) return lack;
  if (!mayPull(state, node, newcomer))
    return { what: 'files', need: 'files', have: 'absent', unit: 'name' };
  const claimant =
    olderClaimant(state, node.name, { model, oldestMs }) ??
    (isUrgent ? undefined : state.foreignClaimant(node.name, model));
  return claimant === undefined
    ? undefined
    : { what: 'unclaimed', need: model, have: claimant, unit: 'name' };
}

const LEAVING: Lacking = { what: 'state', need: 'unloaded', have: 'unloading', unit: 'name' };

const tooSlow = (tier: number, worst: number): Lacking => ({
  what: 'tier',
  need: TIERS[worst] ?? '',
  have: TIERS[tier] ?? '',
  unit: 'name',
});

/** `free_memory` if the model would fit once other programs have left, else `memory`. */
function tooSmall(
  state: DecideState,
  node: NodeSnapshot,
  { model, worst }: { readonly model: string; readonly worst: number },
): Lacking {
  const devices = node.devices.map((device) => ({ ...device, foreignMib: 0, isYielding: false }));
  const alone = { ...node, devices };
  const isHoped = (tierOf(state, alone, model)?.tier ?? Infinity) <= worst;
  const need = needMib(state, node.name, model) ?? 0;
  const have = mostMib(state, isHoped ? node : alone, model);
  return { what: isHoped ? 'free_memory' : 'memory', need, have, unit: 'MiB' };
}

function nodesFor(state: DecideState, { node }: PlaceQuestion): Iterable<NodeSnapshot> {
  const { nodes } = state.snapshot;
  if (node === undefined) return nodes.values();
  const only = nodes.get(node);
  return only ? [only] : [];
}

/** A load that failed there a moment ago, unless there is room: nothing is unloaded for another attempt. */
function failureInTheWay(
  state: DecideState,
  { name }: NodeSnapshot,
  { newcomer, sets }: { readonly newcomer: Newcomer; readonly sets: readonly DeviceSet[] },
): Lacking | undefined {
  const failure = newcomer.isUrgent ? undefined : state.backOff.running(name, newcomer.model);
  if (!failure || sets.some(hasRoomFor)) return undefined;
  return { what: 'back_off', need: 0, have: failure.retryAtMs - state.nowMs, unit: 'ms' };
}

/** The nodes that can hold the model, in the order of their rank, and what the others lack. */
export function survey(state: DecideState, question: PlaceQuestion, newcomer: Newcomer): Survey {
  const { model } = question;
  const worst = worstTier(state, model);
  const options: Option[] = [];
  const candidates: Candidate[] = [];
  const hoped: string[] = [];
  for (const node of nodesFor(state, question)) {
    // It is loaded again once it has left: until then both of its loads would count.
    const isLeaving =
      state.leavingTo(node.name, model) !== undefined ||
      state.facts.find(node.name, model)?.isReplaced === true;
    const lack = isLeaving ? LEAVING : lackOf(state, node, newcomer);
    const found = lack ? undefined : tierOf(state, node, model);
    const failure = found && failureInTheWay(state, node, { newcomer, sets: found.sets });
    if (found && !failure && found.tier <= worst) {
      options.push({
        node,
        sets: found.sets,
        rank: rankOf(state, { node, tier: found.tier, question }),
      });
      continue;
    }
    const lacking =
      lack ??
      failure ??
      (found ? tooSlow(found.tier, worst) : tooSmall(state, node, { model, worst }));
    const load = loadOn(state, node, model);
    candidates.push({ node: node.name, feasible: false, lacked: [lacking], rank: [], load });
    if (isLeaving || HOPED.has(lacking.what)) hoped.push(node.name);
  }
  return { options: options.toSorted((a, b) => compareRanks(a.rank, b.rank)), candidates, hoped };
}

const HOPED: ReadonlySet<Lacking['what']> = new Set(['unclaimed', 'unyielding', 'free_memory']);
