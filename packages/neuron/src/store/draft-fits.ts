/** Whether a draft model beside a model can draft for it, by the headers of both files. */
import { stat } from 'node:fs/promises';

import { type GgufHeader, readGgufFileInThread } from '@cortex/engine/gguf';
import type { Logger } from '@cortex/service';

import type { ModelFile } from './model-file.ts';

/** Pairs of files whose answer is kept. */
const MAX_KNOWN = 64;
/** As in llama.cpp: the last tokens of a vocabulary are often padding. */
const MAX_SIZE_DIFFERENCE = 128;

/** What must be equal for the tokens of one to be those of the other. */
const TOKENIZER_KEYS = [
  'tokenizer.ggml.model',
  'tokenizer.ggml.pre',
  'tokenizer.ggml.bos_token_id',
  'tokenizer.ggml.eos_token_id',
  'tokenizer.ggml.add_bos_token',
  'tokenizer.ggml.add_eos_token',
];

/** Metadata of layers whose state cannot be cut, which drafting needs. */
const RECURRENT = /^[^.]+\.(?:ssm|wkv|shortconv|kda)\b/;

const isRecurrent = ({ metadata }: GgufHeader): boolean =>
  [...metadata.keys()].some((key) => RECURRENT.test(key));

/** Number of tokens that the model has vectors for. */
const tokensOf = ({ tensors }: GgufHeader): number =>
  Number(tensors.find(({ name }) => name === 'token_embd.weight')?.shape[1] ?? 0);

/** Why `draft` cannot draft for `model`; undefined if it can. */
function misfit(model: GgufHeader, draft: GgufHeader): string | undefined {
  if ([model, draft].some(isRecurrent)) return 'a model with recurrent state cannot draft';
  const key = TOKENIZER_KEYS.find(
    (name) => model.metadata.get(name)?.value !== draft.metadata.get(name)?.value,
  );
  if (key !== undefined) return `its ${key} is another one`;
  const [tokens, draftTokens] = [tokensOf(model), tokensOf(draft)];
  const isClose = Math.abs(tokens - draftTokens) <= MAX_SIZE_DIFFERENCE;
  return isClose && draftTokens > 0
    ? undefined
    : `it has ${draftTokens} tokens, and the model ${tokens}`;
}

export class DraftFits {
  readonly #log: Pick<Logger, 'info'>;
  readonly #known = new Map<string, Promise<boolean>>();

  constructor(log: Pick<Logger, 'info'>) {
    this.#log = log;
  }

  /** The draft of the model if it can be used; undefined if there is none, or it cannot be read. */
  async usable(model: ModelFile): Promise<string | undefined> {
    const { draft, fingerprint } = model;
    const stats = draft === undefined ? undefined : await stat(draft).catch(() => undefined);
    if (draft === undefined || !stats) return undefined;
    const key = `${fingerprint} ${draft}:${stats.size}:${stats.mtimeMs}`;
    const fits = this.#known.get(key) ?? this.#check(model, draft);
    this.#known.set(key, fits);
    // A file that could not be read may be readable the next time.
    fits.catch(() => this.#known.delete(key));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    return (await fits.catch(() => false)) ? draft : undefined;
  }

  /** @throws the error of the file system */
  async #check({ path }: ModelFile, draft: string): Promise<boolean> {
    const notUsed = (reason: string): void =>
      this.#log.info({ path, draft, reason }, 'the draft model beside it is not used');
    let reason: string | undefined;
    try {
      reason = await compare(path, draft);
    } catch (error) {
      notUsed(error instanceof Error ? error.message : String(error));
      throw error;
    }
    if (reason === undefined) {
      this.#log.info({ path, draft }, 'the draft model beside the model is used');
    } else {
      notUsed(reason);
    }
    return reason === undefined;
  }
}

/** @throws the error of the file system */
async function compare(path: string, draftPath: string): Promise<string | undefined> {
  const model = await readGgufFileInThread(path);
  const draft = await readGgufFileInThread(draftPath);
  // The engine reports an unreadable model.
  if (model.kind === 'broken') return 'the model cannot be read';
  if (draft.kind === 'broken') return draft.problem;
  return misfit(model.header, draft.header);
}
