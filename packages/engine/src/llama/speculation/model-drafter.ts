import type { Context, Memory, Model } from '../binding.ts';
import type { NativeSampler, Token } from '../native-types.ts';
import { isWholeAt } from '../cells/reuse.ts';
import type { Drafter, DraftRequest } from './drafter.ts';

export interface ModelDrafterOptions {
  readonly model: Model;
  readonly context: Context;
  readonly batchTokens: number;
  /** Context of one slot; a longer text gets no draft. */
  readonly contextTokens: number;
  /** Tokens below this number exist in the larger model too. */
  readonly vocabularySize: number;
}

/** One slot of the small model: the tokens of its cells, which follow the text of the larger model. */
interface Draft {
  readonly request: DraftRequest;
  readonly cells: Token[];
  readonly drafted: Token[];
}

/**
 * Drafts with a smaller model, greedily, all slots in one batch.
 *
 * It follows the text of each slot: missing tokens are decoded one batch at a time, and a slot gets no draft until it
 * has caught up, so that a long prompt does not stall the others.
 */
export class ModelDrafter implements Drafter {
  readonly #options: ModelDrafterOptions;
  readonly #sampler: NativeSampler;
  readonly #cells = new Map<number, Token[]>();

  constructor(options: ModelDrafterOptions) {
    this.#options = options;
    this.#sampler = options.model.createSampler({ temperature: 0, topP: 1, minP: 0, seed: 0 });
  }

  async draft(requests: readonly DraftRequest[]): Promise<readonly (readonly Token[])[]> {
    const { contextTokens } = this.#options;
    const drafts = requests.map((request) => this.#open(request));
    let active = await this.#catchUp(
      drafts.filter(({ request }) => request.text.length + request.most <= contextTokens),
    );
    while (active.length > 0) {
      // The last draft token is not decoded, because its logits are not needed.
      const unfinished = active.filter(({ request, drafted }) => drafted.length < request.most);
      active = await this.#read(
        unfinished.map((draft) => ({ draft, tokens: draft.drafted.slice(-1) })),
      );
    }
    return drafts.map(({ drafted }) => drafted);
  }

  memory(): Memory {
    const weights = this.#options.model.memory();
    const cells = this.#options.context.memory();
    return { ram: weights.ram + cells.ram, vram: weights.vram + cells.vram };
  }

  async dispose(): Promise<void> {
    this.#sampler.dispose();
    await this.#options.context.dispose();
    await this.#options.model.disposeWeights();
  }

  /** Cuts the slot to the prefix that it shares with the text, which also removes rejected draft tokens. */
  #open(request: DraftRequest): Draft {
    const cells = this.#cells.get(request.slot) ?? [];
    this.#cells.set(request.slot, cells);
    // The last token is always decoded, because its logits give the first draft token.
    const end = Math.min(cells.length, request.text.length - 1);
    let shared = 0;
    while (shared < end && cells[shared] === request.text.at(shared)) shared++;
    if (shared < cells.length) this.#cut(request.slot, shared, cells);
    return { request, cells, drafted: [] };
  }

  #cut(slot: number, length: number, cells: Token[]): void {
    const { context, model } = this.#options;
    const { native } = context;
    const minPosition = native.getSequenceKvCacheMinPosition(slot);
    const isWhole = isWholeAt(length, { minPosition, windowTokens: model.windowTokens });
    if (length > 0 && isWhole && native.removeTokenCellsFromSequence(slot, length, -1))
      cells.length = length;
    else {
      native.disposeSequence(slot);
      cells.length = 0;
    }
  }

  /** Decodes missing tokens, up to one batch. Returns the slots that have caught up and drafted a first token. */
  #catchUp(drafts: readonly Draft[]): Promise<Draft[]> {
    let room = this.#options.batchTokens;
    const parts = drafts
      .toSorted((a, b) => missing(a) - missing(b))
      .map((draft) => {
        const { cells, request } = draft;
        const take = Math.min(missing(draft), room);
        room -= take;
        const tokens = Array.from({ length: take }, (_, index) =>
          request.text.at(cells.length + index),
        );
        return { draft, tokens };
      });
    return this.#read(parts.filter(({ tokens }) => tokens.length > 0));
  }

  /** One batch of the small model. Slots whose text ends in it get one more draft token. */
  async #read(
    parts: readonly { readonly draft: Draft; readonly tokens: readonly Token[] }[],
  ): Promise<Draft[]> {
    if (parts.length === 0) return [];
    const { native } = this.#options.context;
    native.initBatch(parts.reduce((total, { tokens }) => total + tokens.length, 0));
    const rows: { readonly draft: Draft; readonly logitIndex: number }[] = [];
    for (const { draft, tokens } of parts) {
      const { request, cells } = draft;
      const isWhole = cells.length + tokens.length >= request.text.length;
      const wanted = isWhole ? Uint32Array.of(tokens.length - 1) : new Uint32Array(0);
      const [logitIndex] = native.addToBatch(
        request.slot,
        cells.length,
        Uint32Array.from(tokens),
        wanted,
      );
      cells.push(...tokens);
      if (isWhole && logitIndex !== undefined) rows.push({ draft, logitIndex });
    }
    await native.decodeBatch();
    const drafting: Draft[] = [];
    for (const { draft, logitIndex } of rows) {
      const token = await native.sampleToken(logitIndex, this.#sampler);
      if (token < 0 || token >= this.#options.vocabularySize) continue;
      draft.drafted.push(token);
      drafting.push(draft);
    }
    return drafting;
  }
}

const missing = ({ cells, request }: Draft): number => request.text.length - cells.length;
