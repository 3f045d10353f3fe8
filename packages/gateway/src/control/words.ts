/** What stands in the way of a model, and what brings it, in words. */
import type {
  Blocker,
  Candidate,
  ConfigMismatch,
  Lacking,
  NodeLack,
  OpenCircuit,
  UnderWay,
  Words,
} from '@cortex/fleet';

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

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

/** What brings a model, for a client that waits: "loading MODEL on NODE … 40 %". */
export function waitNote(model: string, { state, node, progress }: UnderWay): string {
  if (state === 'waking') return `waking ${node} for ${model} …`;
  const percent = progress === undefined ? '' : ` ${Math.round(progress * 100)} %`;
  return `${state} ${model} on ${node} …${percent}`;
}

/** The sentences of lists. */
export const WORDS: Words = {
  cannotServe: (lacks) => `no node can serve it: ${lacksText(lacks)}`,
  avoided: avoidedText,
  outdated: outdatedText,
};
