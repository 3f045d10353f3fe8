import type { Token } from '../native-types.ts';
import type { Drafter, SlotText } from '../speculation/drafter.ts';
import type { Run } from './run.ts';
import type { SlotCells } from '../cells/slot-cells.ts';
import type { Slot } from '../cells/slots.ts';
import type { StepStats } from './step-stats.ts';

export interface StepDrafterOptions {
  readonly drafter: Drafter;
  readonly cells: Pick<SlotCells, 'canUndo'>;
  readonly contextTokens: number;
  readonly stats: Pick<StepStats, 'draftFailed'>;
}

/**
 * Draft tokens per step, all runs together. The more sequences a batch has, the less idle compute remains for drafts.
 */
const DRAFT_TOKENS_PER_STEP = 16;

/** Drafts tokens for the generating runs. Stops permanently if the drafter fails, because drafts only save time. */
export class StepDrafter {
  readonly #options: StepDrafterOptions;
  #hasFailed = false;

  constructor(options: StepDrafterOptions) {
    this.#options = options;
  }

  /** Sets the draft of each of `runs`, within the limits of its answer and its context. */
  async draft(runs: readonly Run[]): Promise<void> {
    for (const run of runs) run.draft = [];
    if (this.#hasFailed || runs.length === 0) return;
    const { drafter, cells, contextTokens, stats } = this.#options;
    const share = Math.floor(DRAFT_TOKENS_PER_STEP / runs.length);
    const wanted = runs.flatMap((run) => {
      const { answer, slot, nextToken, draftLength } = run;
      const room = Math.min(
        draftLength.next,
        share,
        answer.maxTokens - answer.tokens.length - 1,
        contextTokens - slot.cells.length - 1,
      );
      if (room < 1 || nextToken === undefined || !cells.canUndo(slot)) return [];
      return [{ run, request: { slot: slot.id, text: textOf(slot, nextToken), most: room } }];
    });
    if (wanted.length === 0) return;
    try {
      const drafts = await drafter.draft(wanted.map(({ request }) => request));
      for (const [index, { run }] of wanted.entries()) run.draft = drafts[index] ?? [];
    } catch (error) {
      this.#hasFailed = true;
      stats.draftFailed(error);
    }
  }
}

const textOf = ({ cells }: Slot, nextToken: Token): SlotText => ({
  length: cells.length + 1,
  at: (index) => cells[index] ?? nextToken,
});
