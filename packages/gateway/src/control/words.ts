/** What decisions say about nodes, in words. */
import type {
  Candidate,
  Lacking,
  ModelExplanation,
  NodeLack,
  PlacementRecord,
  Victim,
  Words,
} from '@cortex/fleet';

import type { DecidedRequest } from './decision-log.ts';

/** How a host that can be woken sleeps, after its name. */
const SLEEP: Readonly<Record<string, string>> = {
  asleep: 'is asleep',
  waking: 'is being woken',
  overslept: 'was woken and did not come up in time',
};

/** What a node lacks, after its name. */
function lackText({ what, need, have, eachMib = 0 }: Lacking): string {
  switch (what) {
    case 'node':
      return 'is not configured';
    case 'model':
      return have === 'unknown' ? 'has not answered yet' : 'does not have it';
    case 'harness':
      return `has no harness "${need}" (it has ${have})`;
    case 'devices': {
      const size = eachMib > 0 ? ` of ${eachMib} MiB` : '';
      return `has ${have} of ${need} GPU${need === 1 ? '' : 's'}${size}`;
    }
    case 'memory':
      return `has ${have} MiB for models, and ${need} MiB are needed`;
    case 'free_memory':
      return `has room for ${Math.max(0, Number(have))} of ${need} MiB beside what is in use`;
    case 'up':
      return SLEEP[have] ?? 'is not up';
    case 'undrained':
      return 'is draining';
    case 'unyielding':
      return 'has given its GPUs to other programs for now';
    case 'files':
      return 'does not have its files, and auto_pull is off';
    case 'unclaimed':
      return `makes room for ${have}`;
    case 'back_off':
      return 'failed to load it a moment ago';
    case 'tier':
      return 'could run it only on the CPU, and a GPU of another node can hold it';
    case 'servable':
      return `has it loaded but cannot serve it: ${have}`;
    case 'state':
      return `has it in state "${have}"`;
  }
}

/** Nodes and what each one lacks, in one line. */
export const lacksText = (lacks: readonly NodeLack[]): string =>
  lacks.map(({ node, lacking }) => `${node} ${lackText(lacking)}`).join('; ');

/** As `lacksText`, for the nodes that a placement considered. */
export const candidatesText = (candidates: readonly Candidate[]): string =>
  lacksText(candidates.flatMap(({ node, lacked }) => lacked.map((lacking) => ({ node, lacking }))));

/** The sentences of lists. */
export const WORDS: Words = {
  cannotServe: (lacks) => `no node can serve it: ${lacksText(lacks)}`,
};

const count = (number: number, noun: string): string =>
  `${number} ${noun}${number === 1 ? '' : 's'}`;

function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

const WHY_LOADED: Readonly<Record<PlacementRecord['why'], string>> = {
  waiting: 'for a request',
  joined: 'by somebody else',
  preload: 'because models.toml wants it loaded',
  another_replica: 'because requests waited longer than a load takes',
  operator: 'for the operator',
};

function whyVictim({ why, idleMs }: Victim): string {
  if (why === 'starved') return 'a request had waited too long for its memory';
  return idleMs === undefined ? 'idle' : `idle for ${duration(idleMs)}`;
}

const victimText = (victim: Victim): string =>
  `${victim.model} (${whyVictim(victim)}, frees ${Math.round(victim.freesMib)} MiB, loads again in ${duration(victim.loadMs)})`;

const unloading = (victims: readonly Victim[]): string =>
  victims.length === 0 ? '' : `, unloading ${victims.map(victimText).join(' and ')}`;

const needing = (mib: number | undefined): string =>
  mib === undefined ? '' : ` (needs ${Math.round(mib)} MiB)`;

function othersText(
  candidates: readonly Candidate[],
  chosen: string | undefined,
): readonly string[] {
  const others = candidates.filter(({ node }) => node !== chosen);
  const lacking = candidatesText(others);
  const able = others.filter(({ feasible }) => feasible).map(({ node }) => node);
  return [
    ...(lacking === '' ? [] : [`Other nodes: ${lacking}.`]),
    ...(able.length === 0 ? [] : [`Also possible, but ranked lower: ${able.join(', ')}.`]),
  ];
}

/** A load that was decided. */
export function loadText(record: PlacementRecord, agoMs: number): readonly string[] {
  const { model, node, needMib, victims, candidates, why } = record;
  const first = `${model} was loaded on ${node} ${duration(agoMs)} ago ${WHY_LOADED[why]}${needing(needMib)}${unloading(victims)}.`;
  return [first, ...othersText(candidates, node)];
}

/** How a model stands, and where a load of it would go now. */
export function modelText(explanation: ModelExplanation): readonly string[] {
  const { model, node: only, waiting, oldestWaitMs, replicas } = explanation;
  const states = replicas.map(({ node, status, load }) =>
    load > 0 ? `${status} on ${node} with ${count(load, 'request')}` : `${status} on ${node}`,
  );
  const absent = only === undefined ? 'not loaded' : `not loaded on ${only}`;
  const state = `${model} is ${states.length === 0 ? absent : states.join(', and ')}.`;
  const queue =
    waiting === 0
      ? []
      : [
          `${count(waiting, 'request')} wait${waiting === 1 ? 's' : ''}, the oldest for ${duration(oldestWaitMs ?? 0)}.`,
        ];
  if (replicas.some(({ isReady, isUnderWay }) => isReady || isUnderWay)) return [state, ...queue];
  return [state, ...queue, ...manualText(explanation), ...outlookText(explanation)];
}

const manualText = ({ model, node, isManual }: ModelExplanation): readonly string[] =>
  isManual
    ? [
        `Requests do not load it (load = "manual" in models.toml): run "cortex load ${model}${node === undefined ? '' : ` --node ${node}`}".`,
      ]
    : [];

function outlookText({ outlook, isManual }: ModelExplanation): readonly string[] {
  const { kind, node, needMib, victims, candidates, wakeMs = 0 } = outlook;
  switch (kind) {
    case 'plan':
      return [
        `A load would go to ${node}${needing(needMib)}${unloading(victims)}.`,
        ...othersText(candidates, node),
      ];
    case 'wakes': {
      const host = candidates.find((candidate) => candidate.node === node);
      const isWaking = host?.lacked.some(({ have }) => have === 'waking') === true;
      return [
        isWaking
          ? `${node} is being woken, and a request would wait for it.`
          : `A request would wake ${node} and wait for it, at most ${duration(wakeMs)}.`,
        ...othersText(candidates, node),
      ];
    }
    case 'waits_for_idle':
      if (isManual) {
        return [
          `A load is refused until ${victims.map(({ model }) => model).join(' and ')} on ${node} end their requests.`,
        ];
      }
      return [
        `Its load waits on ${node}${needing(needMib)} until ${victims.map(({ model }) => model).join(' and ')} end their requests.`,
        ...othersText(candidates, node),
      ];
    case 'blocked': {
      const wait = isManual
        ? 'A load is refused, because no node has room'
        : 'A load would wait for room';
      return [`${wait}: ${candidatesText(candidates)}.`];
    }
    case 'impossible':
      return [`No node can load it now: ${candidatesText(candidates) || 'none is up'}.`];
  }
}

/** What was decided about a request, or how long it has waited. */
export function requestText({
  requestId,
  model,
  askedNode,
  decided,
  waitedMs = 0,
}: {
  readonly requestId: string;
  readonly model: string;
  readonly askedNode: string | undefined;
  readonly decided: DecidedRequest | undefined;
  readonly waitedMs: number | undefined;
}): readonly string[] {
  const name = askedNode === undefined ? model : `${model} on ${askedNode}`;
  const asked = `${requestId} asked for ${name}`;
  return decided
    ? [`${asked} and ${outcomeText(decided)}`]
    : [`${asked} and has waited ${duration(waitedMs)}.`];
}

/** The end of a sentence about a request. */
function outcomeText({ outcome }: DecidedRequest): string {
  if (outcome.kind === 'refused') {
    const { waitedMs, message } = outcome;
    return `was refused${waitedMs < 1 ? '' : ` after ${duration(waitedMs)}`}: ${message}`;
  }
  const { node, record } = outcome;
  const when = record.waitedMs < 1 ? 'at once' : `after ${duration(record.waitedMs)}`;
  return `went to ${node} ${when}${choiceText(record)}.`;
}

/** What was decided about a request, without its id: for the record and the header of its answer. */
export function decisionText(decided: DecidedRequest): readonly string[] {
  const { load, atMs } = decided;
  const first = `It ${outcomeText(decided)}`;
  return load ? [first, ...loadText(load.record, atMs - load.atMs)] : [first];
}

function choiceText({
  by,
  load,
  replicas,
}: Extract<DecidedRequest['outcome'], { kind: 'granted' }>['record']): string {
  if (replicas <= 1) return load > 0 ? `, which had ${count(load, 'request')}` : '';
  const how =
    by === 'affinity'
      ? 'its conversation belongs there'
      : by === 'file'
        ? 'it has the file'
        : `it had the least load for its speed, ${count(load, 'request')}`;
  return `, one of ${replicas} replicas: ${how}`;
}
