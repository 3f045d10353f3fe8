/** One sequence that can continue in the next step. */
export interface PlannedRun<R> {
  readonly run: R;
  /** Prompt tokens not decoded yet; 0 when it is generating. */
  readonly promptTokensLeft: number;
  /** Draft tokens after the current one, decoded with it if the batch has space. */
  readonly draftTokens: number;
}

export interface StepLimits {
  /** Tokens of one batch. */
  readonly batchTokens: number;
  /** Prompt tokens per step while a run generates. */
  readonly prefillChunkTokens: number;
}

export interface StepShare<R> {
  readonly run: R;
  readonly tokens: number;
  /** Whether the tokens are of the prompt, not of the answer. */
  readonly isPrompt: boolean;
}

/** When generating runs could fill the batch, prompts get one part in this many. */
const PROMPT_PART = 8;

/**
 * Plans the next batch: a token for each generating run, then prompt chunks.
 *
 * If more runs generate than the batch holds, they take turns in the order of `runs` (`nextTurns`), and a part of the
 * batch is left for prompts. The budget limits the prompt tokens per step while a run generates; otherwise prompts use
 * the whole batch. The prompt admitted first gets half of the budget, so that it never starves. The rest goes to the
 * prompts with the fewest tokens left, so that a short prompt does not wait for a long one. Prompts of equal length are
 * decoded one after another.
 */
export function planStep<R>(runs: readonly PlannedRun<R>[], limits: StepLimits): StepShare<R>[] {
  // The usual step of an answer. Fewer memory accesses matter, because decoding has filled the CPU caches.
  if (runs.length <= limits.batchTokens && runs.every(isOneToken))
    return runs.map(({ run }) => ({ run, tokens: 1, isPrompt: false }));
  const shares: StepShare<R>[] = [];
  const kept = keptForPrompts(runs, limits);
  let room = limits.batchTokens - kept;
  const generating = runs.filter(({ promptTokensLeft }) => promptTokensLeft === 0).slice(0, room);
  for (const [index, { run, draftTokens }] of generating.entries()) {
    // The runs' own tokens take precedence over draft tokens.
    const tokens = 1 + Math.max(0, Math.min(draftTokens, room - (generating.length - index)));
    shares.push({ run, tokens, isPrompt: false });
    room -= tokens;
  }
  const left = room + kept;
  const budget = shares.length > 0 ? Math.min(left, limits.prefillChunkTokens) : left;
  for (const share of promptShares(runs, budget)) shares.push(share);
  return shares;
}

const isOneToken = ({ promptTokensLeft, draftTokens }: PlannedRun<unknown>): boolean =>
  promptTokensLeft === 0 && draftTokens === 0;

/** The part of the batch that is reserved for prompts. */
function keptForPrompts<R>(runs: readonly PlannedRun<R>[], limits: StepLimits): number {
  const left = runs.reduce((total, { promptTokensLeft }) => total + promptTokensLeft, 0);
  const part = Math.floor(limits.batchTokens / PROMPT_PART);
  return Math.min(left, part, limits.prefillChunkTokens);
}

/**
 * `runs` in the order of their turns after `plan`: runs with a token in it come after those without, so that all
 * progress equally when there are more than a batch holds. Prompts keep the order of admission.
 */
export function nextTurns<R>(runs: readonly R[], plan: readonly StepShare<R>[]): R[] {
  const served = new Set(plan.filter(({ isPrompt }) => !isPrompt).map(({ run }) => run));
  return [...runs.filter((run) => !served.has(run)), ...served];
}

function promptShares<R>(runs: readonly PlannedRun<R>[], budget: number): StepShare<R>[] {
  const prompts = runs.filter(({ promptTokensLeft }) => promptTokensLeft > 0);
  const [first] = prompts;
  if (first === undefined) return [];
  const kept = severalOf(first.promptTokensLeft, Math.ceil(budget / 2));
  let left = budget - kept;
  const shares: StepShare<R>[] = [];
  for (const { run, promptTokensLeft } of prompts.toSorted(
    (a, b) => a.promptTokensLeft - b.promptTokensLeft,
  )) {
    const own = run === first.run ? kept : 0;
    const more = Math.min(promptTokensLeft - own, left);
    left -= more;
    const tokens = severalOf(promptTokensLeft, own + more);
    if (tokens > 0) shares.push({ run, tokens, isPrompt: true });
  }
  return shares;
}

/** At most `most` tokens of a prompt. Neither the share nor the rest is a single token if that can be avoided. */
function severalOf(left: number, most: number): number {
  if (most >= left) return left;
  return left - most === 1 && most > 2 ? most - 1 : most;
}

/**
 * The decodes of a step: one, or with `isBatchInvariant` one for all generating runs and one per prompt.
 *
 * llama.cpp processes as many tokens per sequence at a time as the shortest sequence has: with a generating run in the
 * batch, one token of a prompt. On a CPU the kernels for one token sum in a different order than those for several, so
 * the cells of the prompt would depend on the rest of the batch.
 */
export function passesOf<R>(
  plan: readonly StepShare<R>[],
  { isBatchInvariant }: { readonly isBatchInvariant: boolean },
): readonly (readonly StepShare<R>[])[] {
  if (!isBatchInvariant) return [plan];
  const generating = plan.filter(({ isPrompt }) => !isPrompt);
  const prompts = plan.filter(({ isPrompt }) => isPrompt).map((share) => [share]);
  return generating.length > 0 ? [generating, ...prompts] : prompts;
}
