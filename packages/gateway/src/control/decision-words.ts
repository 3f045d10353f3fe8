/** What was decided about a request, a load or a model, in words. */
import type {
  Candidate,
  ExpectedSpeed,
  ModelExplanation,
  PlacementRecord,
  Victim,
} from '@cortex/fleet';

import type { DecidedRequest } from './decision-log.ts';
import { candidatesText, duration, WORDS } from './words.ts';

const count = (number: number, noun: string): string =>
  `${number} ${noun}${number === 1 ? '' : 's'}`;

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
    circuit ? [`On ${node}, ${WORDS.avoided(circuit)}.`] : [],
  );
  const outdated = replicas.flatMap(({ node, mismatch }) =>
    mismatch ? [`On ${node}, it is ${WORDS.outdated(mismatch)}.`] : [],
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
