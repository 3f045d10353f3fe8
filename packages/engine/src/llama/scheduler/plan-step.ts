/** One sequence that could go on in the next step. */
export interface PlannedRun<R> {
  readonly run: R;
  /** Prompt tokens not decoded yet; 0 when it is generating. */
  readonly promptTokensLeft: number;
  /** Draft tokens that may follow the one it is at, decoded along with it where there is room. */
  readonly draftTokens: number;
}

export interface StepLimits {
  /** Tokens of one batch. */
  readonly batchTokens: number;
  /** Prompt tokens of one step while somebody generates. */
  readonly prefillChunkTokens: number;
}

export interface StepShare<R> {
  readonly run: R;
  readonly tokens: number;
  /** Of its prompt, not of its answer. */
  readonly isPrompt: boolean;
}

/** Of a batch that those who generate fill alone, prompts get one part in so many. */
const PROMPT_PART = 8;

/**
 * What the next batch holds: a token for everybody who generates, then prompt chunks.
 *
 * More who generate than there is room for get it in the order of `runs` (`nextTurns`), and a part of the batch is left
 * for prompts. The budget keeps a running stream's pace while others prefill; with nobody generating prompts take the
 * whole batch. Of the budget the prompt admitted first gets half, so that it never starves; the rest goes to whoever is nearest to
 * the first token, so that a short prompt does not wait for a long one. Prompts of equal length come one after another.
 */
export function planStep<R>(runs: readonly PlannedRun<R>[], limits: StepLimits): StepShare<R>[] {
  const shares: StepShare<R>[] = [];
  const kept = keptForPrompts(runs, limits);
  let room = limits.batchTokens - kept;
  const generating = runs.filter(({ promptTokensLeft }) => promptTokensLeft === 0).slice(0, room);
  for (const [index, { run, draftTokens }] of generating.entries()) {
    // Each run's own token comes before any draft token.
    const tokens = 1 + Math.max(0, Math.min(draftTokens, room - (generating.length - index)));
    shares.push({ run, tokens, isPrompt: false });
    room -= tokens;
  }
  const left = room + kept;
  const budget = shares.length > 0 ? Math.min(left, limits.prefillChunkTokens) : left;
  for (const share of promptShares(runs, budget)) shares.push(share);
  return shares;
}

/** What of the batch nobody generates in, however many could. */
function keptForPrompts<R>(runs: readonly PlannedRun<R>[], limits: StepLimits): number {
  const left = runs.reduce((total, { promptTokensLeft }) => total + promptTokensLeft, 0);
  const part = Math.floor(limits.batchTokens / PROMPT_PART);
  return Math.min(left, part, limits.prefillChunkTokens);
}

/**
 * `runs` in the order of their turns in the step behind `plan`: whose token was in it stands behind those whose was not, so
 * that all get on alike when there are more than a batch has room for. Prompts keep the order they were admitted in.
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

/** At most `most` of a prompt, so that neither the share nor what is left is a single token where that can be. */
function severalOf(left: number, most: number): number {
  if (most >= left) return left;
  return left - most === 1 && most > 2 ? most - 1 : most;
}

/**
 * The decodes of a step: one, or with `isBatchInvariant` one for all runs that generate and one for each prompt.
 *
 * llama.cpp takes as many tokens of each sequence at a time as the shortest has: beside a run that generates, one token
 * of a prompt. On a CPU the kernels for one token add up in another order than those for several, so the cells of the
 * prompt would depend on what else was in the batch.
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
