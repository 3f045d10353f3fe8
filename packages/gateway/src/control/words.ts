/** What decisions say about nodes, in words. */
import type {
  Blocker,
  Candidate,
  ConfigMismatch,
  ExpectedSpeed,
  Lacking,
  ModelExplanation,
  NodeLack,
  OpenCircuit,
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

/** What several devices hold is a sum of parts, and what is promised can be more than there is. */
const wholeMib = (number: Lacking['need']): number => Math.round(Math.max(0, Number(number)));

const roomText = ({ need, have }: Pick<Lacking, 'need' | 'have'>): string =>
  `has room for ${wholeMib(have)} of ${wholeMib(need)} MiB`;

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
      return `has ${wholeMib(have)} MiB for models, and ${wholeMib(need)} MiB are needed`;
    case 'free_memory':
      return `${roomText({ need, have })} beside what is in use`;
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

const WHY_BLOCKED: Readonly<Record<Blocker['why'], string>> = {
  pinned: 'pinned',
  priority: 'of a higher priority',
  busy: 'in use',
  turn: 'loaded a moment ago',
  held: 'kept for a conversation',
  coming: 'being loaded',
  recovering: 'being restarted',
  leaving: 'being unloaded',
};

function blockerText({ model, heldMib, why, forMs }: Blocker): string {
  const still = forMs === undefined ? '' : ` for ${duration(forMs)} more`;
  const stays = why === 'turn' && still !== '' ? `, stays${still}` : still;
  return `${model} (${WHY_BLOCKED[why]}${stays}, ${wholeMib(heldMib)} MiB)`;
}

const listText = (items: readonly string[]): string =>
  items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

/** What a node lacks for a placement, after its name, with the models that hold its memory. */
function candidateLackText({ blockers = [] }: Candidate, lacking: Lacking): string {
  if (lacking.what !== 'free_memory' || blockers.length === 0) return lackText(lacking);
  return `${roomText(lacking)} beside ${listText(blockers.map(blockerText))}`;
}

/** As `lacksText`, for the nodes that a placement considered. */
export const candidatesText = (candidates: readonly Candidate[]): string =>
  candidates
    .flatMap((candidate) =>
      candidate.lacked.map(
        (lacking) => `${candidate.node} ${candidateLackText(candidate, lacking)}`,
      ),
    )
    .join('; ');

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

/** That a model is loaded with other settings than models.toml has, without its name. */
function outdatedText({ model, node, keys, isDefaultModel }: ConfigMismatch): string {
  const what = `loaded with another ${keys.join(', ')} than in models.toml`;
  return isDefaultModel
    ? `${what}, because default_models in neuron.toml of ${node} loads it: delete model_id = "${model}" there`
    : `${what}: it is replaced when it is idle`;
}

/** The sentences of lists. */
export const WORDS: Words = {
  cannotServe: (lacks) => `no node can serve it: ${lacksText(lacks)}`,
  avoided: avoidedText,
  outdated: outdatedText,
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
  `${victim.model} (${whyVictim(victim)}, frees ${Math.round(victim.freesMib)} MiB, ${victim.by === 'sleep' ? 'wakes' : 'loads'} again in ${duration(victim.loadMs)})`;

/** What leaves for a load, after the sentence about it. */
function evicting(victims: readonly Victim[]): string {
  const textOf = (wanted: Victim['by']): string =>
    victims
      .filter(({ by }) => by === wanted)
      .map(victimText)
      .join(' and ');
  const [unloaded, asleep] = [textOf('unload'), textOf('sleep')];
  return `${unloaded && `, unloading ${unloaded}`}${asleep && `, putting to sleep ${asleep}`}`;
}

function speedText(speed: ExpectedSpeed | undefined): readonly string[] {
  if (!speed) return [];
  const { tokS, isMeasured } = speed;
  const number = tokS < 10 ? tokS.toFixed(1) : String(Math.round(tokS));
  return [`${isMeasured ? 'measured' : 'about'} ${number} tokens/s`];
}

/** What the load needs on the node where it goes, and how fast the model answers there. */
function needing(
  mib: number | undefined,
  {
    node,
    candidates,
  }: { readonly node?: string | undefined; readonly candidates: readonly Candidate[] },
): string {
  const { speed } = candidates.find((candidate) => candidate.node === node) ?? {};
  const facts = [
    ...(mib === undefined ? [] : [`needs ${Math.round(mib)} MiB`]),
    ...speedText(speed),
  ];
  return facts.length === 0 ? '' : ` (${facts.join(', ')})`;
}

const ableText = ({ node, speed }: Candidate): string =>
  [node, ...speedText(speed).map((text) => `(${text})`)].join(' ');

/** @param when - `now`, or `then` for a decision of the past: nodes and models have moved on. */
function othersText(
  candidates: readonly Candidate[],
  chosen: string | undefined,
  when: 'now' | 'then' = 'now',
): readonly string[] {
  const others = candidates.filter(({ node }) => node !== chosen);
  const lacking = candidatesText(others);
  const atThatTime = when === 'then' ? ' at that time' : '';
  const able = others.filter(({ feasible }) => feasible).map(ableText);
  return [
    ...(lacking === '' ? [] : [`Other nodes${atThatTime}: ${lacking}.`]),
    ...(able.length === 0
      ? []
      : [`Also possible${atThatTime}, but ranked lower: ${able.join(', ')}.`]),
  ];
}

/** A load that was decided. */
export function loadText(record: PlacementRecord, agoMs: number): readonly string[] {
  const { model, node, needMib, victims, candidates, why } = record;
  const first = `${model} was loaded on ${node} ${duration(agoMs)} ago ${WHY_LOADED[why]}${needing(needMib, record)}${evicting(victims)}.`;
  return [first, ...othersText(candidates, node, 'then')];
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
  const avoided = replicas.flatMap(({ node, circuit }) =>
    circuit ? [`On ${node}, ${avoidedText(circuit)}.`] : [],
  );
  const outdated = replicas.flatMap(({ node, mismatch }) =>
    mismatch ? [`On ${node}, it is ${outdatedText(mismatch)}.`] : [],
  );
  const first = [state, ...outdated, ...avoided, ...queue];
  if (replicas.some(({ isReady, isUnderWay }) => isReady || isUnderWay)) return first;
  return [...first, ...manualText(explanation), ...outlookText(explanation)];
}

const manualText = ({ model, node, isManual }: ModelExplanation): readonly string[] =>
  isManual
    ? [
        `Requests do not load it (load = "manual" in models.toml): run "cortex load ${model}${node === undefined ? '' : ` --node ${node}`}".`,
      ]
    : [];

function outlookText({ outlook, isManual }: ModelExplanation): readonly string[] {
  const { kind, node, needMib, isNeedEstimated, victims, candidates, wakeMs = 0 } = outlook;
  switch (kind) {
    case 'plan':
      return [
        `A load would go to ${node}${needing(needMib, outlook)}${evicting(victims)}.`,
        ...(isNeedEstimated
          ? []
          : ['A node is asked first what it needs, and the load may then go elsewhere.']),
        ...othersText(candidates, node),
      ];
    case 'wakes': {
      const host = candidates.find((candidate) => candidate.node === node);
      const isWaking = host?.lacked.some(({ have }) => have === 'waking') === true;
      const who = isManual ? 'A load' : 'A request';
      return [
        isWaking
          ? `${node} is being woken, and ${who.toLowerCase()} would wait for it.`
          : `${who} would wake ${node} and wait for it, at most ${duration(wakeMs)}.`,
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
        `Its load waits on ${node}${needing(needMib, outlook)} until ${victims.map(({ model }) => model).join(' and ')} end their requests.`,
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
