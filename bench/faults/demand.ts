/** Clients that ask for one model after another, streamed and whole, over two routes; some leave early. */
import { Random } from '../fleet/random.ts';
import { judge, type Route, type Verdict } from './judge.ts';

/** No request may take longer, whatever happens to the nodes: the gateway refuses before (`max_wait_s`). */
const HANG_MS = 180_000;
/** A client that got an error asks again after about this time. */
const RETRY_MS = 300;
/** Mean pause of a client between two requests. */
const PAUSE_MS = 20;
const LEAVE_RATIO = 0.04;
/** A client leaves within this time. */
const LEAVE_MS = 400;
const MAX_TOKENS = 24;

/** How requests ended. */
export interface Tally {
  asked: number;
  answered: number;
  /** The client left before the end. */
  left: number;
  readonly errors: Map<string, number>;
  /** What no client should see, in words. */
  readonly violations: string[];
  /** From the request to the first content of each answer, in ms. */
  readonly waitsMs: number[];
  /** `x-request-id` of each request that its client waited for. */
  readonly ids: string[];
  /** Those of the others, which may have left before the gateway saw them. */
  readonly leftIds: string[];
}

export const emptyTally = (): Tally => ({
  asked: 0,
  answered: 0,
  left: 0,
  errors: new Map(),
  violations: [],
  waitsMs: [],
  ids: [],
  leftIds: [],
});

interface Question {
  readonly model: string;
  readonly route: Route;
  readonly isStream: boolean;
  readonly maxTokens: number;
  /** When the client leaves; undefined: it stays. */
  readonly leavesMs?: number | undefined;
}

const PATHS = { chat: '/v1/chat/completions', completions: '/v1/completions' } as const;
const TEXT = 'What is cortex?';

const bodyOf = ({ model, route, isStream, maxTokens }: Question): string =>
  JSON.stringify({
    model,
    max_tokens: maxTokens,
    temperature: 0,
    stream: isStream,
    ...(route === 'chat'
      ? { messages: [{ role: 'user', content: TEXT }] }
      : // The model was trained on conversations: it would end at once.
        { prompt: TEXT, ignore_eos: true }),
  });

type Ending = (Verdict | { readonly kind: 'left' }) & { readonly waitMs: number };

/** Sends one request and reads what comes, to the end. Never throws. */
async function ask(api: string, question: Question, id: string): Promise<Ending> {
  const startMs = performance.now();
  let waitMs = Number.NaN;
  const { route, isStream, leavesMs } = question;
  const leaves = AbortSignal.timeout(Math.ceil(leavesMs ?? HANG_MS));
  try {
    const response = await fetch(`${api}${PATHS[route]}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': id },
      body: bodyOf(question),
      signal: leaves,
    });
    const decoder = new TextDecoder();
    let text = '';
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes, { stream: true });
      const hasContent = Number.isNaN(waitMs) && /"(?:content|text)":"[^"]/.test(text);
      if (hasContent) waitMs = performance.now() - startMs;
    }
    const { status } = response;
    const hasRetryAfter = response.headers.has('retry-after');
    return { ...judge({ route, isStream, status, hasRetryAfter, text }), waitMs };
  } catch (error) {
    if (leavesMs !== undefined && leaves.aborted) return { kind: 'left', waitMs };
    const why = leaves.aborted ? `no end after ${HANG_MS / 1000} s` : String(error);
    return { kind: 'invalid', why, waitMs };
  }
}

function note(tally: Tally, id: string, question: Question, ending: Ending): void {
  (ending.kind === 'left' ? tally.leftIds : tally.ids).push(id);
  switch (ending.kind) {
    case 'answered':
      tally.answered += 1;
      tally.waitsMs.push(ending.waitMs);
      return;
    case 'left':
      tally.left += 1;
      return;
    case 'error':
      tally.errors.set(ending.code, (tally.errors.get(ending.code) ?? 0) + 1);
      return;
    case 'invalid':
      tally.violations.push(`${id} (${JSON.stringify(question)}): ${ending.why}`);
  }
}

interface DemandOptions {
  readonly api: string;
  /** Begins the ids of the requests. */
  readonly name: string;
}

/** Sends `question` and notes its end. */
export async function askOnce(
  { api, name }: DemandOptions,
  question: Question,
  tally: Tally,
): Promise<Ending> {
  const id = `${name}-${tally.asked}`;
  tally.asked += 1;
  const ending = await ask(api, question, id);
  note(tally, id, question, ending);
  return ending;
}

function questionOf(random: Random, models: readonly string[]): Question {
  return {
    model: random.pick(models),
    route: random.next() < 0.75 ? 'chat' : 'completions',
    isStream: random.next() < 0.6,
    maxTokens: 1 + random.below(MAX_TOKENS),
    leavesMs: random.next() < LEAVE_RATIO ? LEAVE_MS * random.next() : undefined,
  };
}

/** Asks one question after the other with `clients` clients, as long as `goesOn`. */
export async function demand(
  options: DemandOptions & {
    readonly models: readonly string[];
    readonly clients: number;
    readonly seed: number;
    readonly goesOn: (tally: Tally) => boolean;
  },
  tally: Tally,
): Promise<void> {
  const client = async (index: number): Promise<void> => {
    const random = new Random(options.seed * 1000 + index);
    while (options.goesOn(tally)) {
      const { kind } = await askOnce(options, questionOf(random, options.models), tally);
      await Bun.sleep(random.exponential(kind === 'error' ? RETRY_MS : PAUSE_MS));
    }
  };
  await Promise.all(Array.from({ length: options.clients }, (_, index) => client(index)));
}
