/** What decisions say about nodes, in words. */
import type {
  Candidate,
  Lacking,
  ModelExplanation,
  NodeLack,
  OpenCircuit,
  PlacementRecord,
  Victim,
  Words,
} from '@cortex/fleet';

import type { DecidedRequest } from './decision-log.ts';

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
      return 'is not up';
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
    case 'circuit':
      return Number(have) > 0
        ? `is avoided for ${duration(Number(have))} more because it failed requests`
        : 'failed requests, and one is trying it again';
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

/** Why a request failed by the fault of its node, by error code. Other codes are those of the node. */
const WHY_FAILED: Readonly<Record<string, string>> = {
  node_unreachable: 'it could not be reached',
  node_timeout: 'it sent nothing for too long',
  node_protocol_error: 'cortex could not use its answer',
  upstream_disconnected: 'it broke off its answer',
};

/** That requests avoid a node, or a model on it. */
function avoidedText({ model, failures, code, remainingMs }: OpenCircuit): string {
  const who = model === undefined ? 'requests' : `requests for ${model}`;
  const until =
    remainingMs > 0
      ? `avoid it for ${duration(remainingMs)} more`
      : 'avoid it, except one that tries it again';
  const why = WHY_FAILED[code] ?? `it answered with ${code}`;
  return `${who} ${until}: ${failures} in a row failed, the last because ${why}`;
}

/** The sentences of lists. */
export const WORDS: Words = {
  cannotServe: (lacks) => `no node can serve it: ${lacksText(lacks)}`,
  avoided: avoidedText,
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

const victimText = ({ model, freesMib, loadMs, why }: Victim): string =>
  `${model} (${why === 'idle' ? 'idle' : 'a request had waited too long for its memory'}, frees ${Math.round(freesMib)} MiB, loads again in ${duration(loadMs)})`;

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
  const { model, waiting, oldestWaitMs, replicas, outlook } = explanation;
  const states = replicas.map(({ node, status, load }) =>
    load > 0 ? `${status} on ${node} with ${count(load, 'request')}` : `${status} on ${node}`,
  );
  const state = `${model} is ${states.length === 0 ? 'not loaded' : states.join(', and ')}.`;
  const queue =
    waiting === 0
      ? []
      : [
          `${count(waiting, 'request')} wait${waiting === 1 ? 's' : ''}, the oldest for ${duration(oldestWaitMs ?? 0)}.`,
        ];
  const avoided = replicas.flatMap(({ node, circuit }) =>
    circuit ? [`On ${node}, ${avoidedText(circuit)}.`] : [],
  );
  const first = [state, ...avoided, ...queue];
  return replicas.some(({ isReady }) => isReady) ? first : [...first, ...outlookText(outlook)];
}

function outlookText(outlook: ModelExplanation['outlook']): readonly string[] {
  const { kind, node, needMib, victims, candidates } = outlook;
  switch (kind) {
    case 'plan':
      return [
        `A load would go to ${node}${needing(needMib)}${unloading(victims)}.`,
        ...othersText(candidates, node),
      ];
    case 'waits_for_idle':
      return [
        `Its load waits on ${node}${needing(needMib)} until ${victims.map(({ model }) => model).join(' and ')} end their requests.`,
        ...othersText(candidates, node),
      ];
    case 'blocked':
      return [`A load would wait for room: ${candidatesText(candidates)}.`];
    case 'impossible':
      return [`No node can load it now: ${candidatesText(candidates) || 'none is up'}.`];
  }
}

/** What was decided about a request, or how long it has waited. */
export function requestText({
  requestId,
  model,
  decided,
  waitedMs = 0,
}: {
  readonly requestId: string;
  readonly model: string;
  readonly decided: DecidedRequest | undefined;
  readonly waitedMs: number | undefined;
}): readonly string[] {
  const asked = `${requestId} asked for ${model}`;
  if (!decided) return [`${asked} and has waited ${duration(waitedMs)}.`];
  const { outcome } = decided;
  if (outcome.kind === 'refused') return [`${asked} and was refused: ${outcome.message}`];
  const { node, record } = outcome;
  const when = record.waitedMs < 1 ? 'at once' : `after ${duration(record.waitedMs)}`;
  return [`${asked} and went to ${node} ${when}${choiceText(record)}.`];
}

const WHY_IN_SPITE: Readonly<Record<'probe' | 'last_resort', string>> = {
  probe: 'it tried this one again after requests had failed there',
  last_resort: 'requests had failed there, and no other had room',
};

function choiceText({
  by,
  load,
  replicas,
  circuit,
}: Extract<DecidedRequest['outcome'], { kind: 'granted' }>['record']): string {
  if (replicas <= 1) return load > 0 ? `, which had ${count(load, 'request')}` : '';
  const how = circuit
    ? WHY_IN_SPITE[circuit]
    : by === 'affinity'
      ? 'its conversation belongs there'
      : by === 'file'
        ? 'it has the file'
        : `it had the least load for its speed, ${count(load, 'request')}`;
  return `, one of ${replicas} replicas: ${how}`;
}
