/** What operators have set at run time, kept in `state_dir` across restarts: the drain, pins and TTLs. */
import { readFileSync } from 'node:fs';

import type { Logger } from '@cortex/service';
import { z } from 'zod';

import type { Every } from './every.ts';
import type { StateWriter } from './state-writer.ts';

/** Pause before a failed write is tried again. */
const RETRY_MS = 10_000;
/**
 * Models that are kept, those that were changed last. A model that is not on disk may still be loaded again, by
 * another program's server or from its source, so only their number tells which are gone.
 */
const MAX_MODELS = 1000;

const StoredState = z.object({
  /** Absent: the node takes loads. */
  drain: z
    .object({
      /** ISO 8601; absent: until an operator ends it. */
      until: z.iso.datetime().optional(),
      /** Its whole length in seconds. */
      for_s: z.number().positive().optional(),
    })
    .optional(),
  /** Only models with a pin or a TTL. */
  models: z.array(
    z.object({
      id: z.string(),
      /** By an operator; absent: as load calls have it. */
      pinned: z.boolean().optional(),
      load_pinned: z.boolean().default(false),
      ttl_s: z.number().min(0).default(0),
    }),
  ),
});
type StoredState = z.infer<typeof StoredState>;

export type StoredDrain = NonNullable<StoredState['drain']>;

/** How long an idle model stays loaded. */
export interface StoredResidency {
  /** What an operator has set; undefined: as load calls have it. */
  readonly operatorPin: boolean | undefined;
  /** What the last load call has set that says it. */
  readonly isLoadPinned: boolean;
  /** 0: no limit. */
  readonly ttlS: number;
}

/** Of a model without pin and TTL. */
export const NO_RESIDENCY: StoredResidency = {
  operatorPin: undefined,
  isLoadPinned: false,
  ttlS: 0,
};

/** The pin of an operator counts before that of load calls. */
export const isPinned = ({ operatorPin, isLoadPinned }: StoredResidency): boolean =>
  operatorPin ?? isLoadPinned;

interface NodeStateOptions {
  /** Path of the file. */
  readonly path: string;
  readonly writer: StateWriter;
  readonly every: Every;
  readonly log: Pick<Logger, 'warn'>;
}

export class NodeState {
  readonly #options: NodeStateOptions;
  readonly #models: Map<string, StoredResidency>;
  readonly #stop: () => void;
  #drain: StoredDrain | undefined;
  #isUnsaved = false;

  /** Reads the file. A file that cannot be read is logged and replaced by the next change. */
  constructor(options: NodeStateOptions) {
    this.#options = options;
    const { drain, models } = read(options);
    this.#drain = drain;
    this.#models = new Map(
      models
        .slice(-MAX_MODELS)
        .map(({ id, pinned, load_pinned, ttl_s }) => [
          id,
          { operatorPin: pinned, isLoadPinned: load_pinned, ttlS: ttl_s },
        ]),
    );
    this.#stop = options.every(RETRY_MS, () => {
      if (this.#isUnsaved) this.#save();
    });
  }

  get drain(): StoredDrain | undefined {
    return this.#drain;
  }

  setDrain(drain: StoredDrain | undefined): void {
    this.#drain = drain;
    this.#save();
  }

  residency(modelId: string): StoredResidency {
    return this.#models.get(modelId) ?? NO_RESIDENCY;
  }

  setResidency(modelId: string, residency: StoredResidency): void {
    if (Bun.deepEquals(this.residency(modelId), residency)) return;
    this.#models.delete(modelId);
    if (!Bun.deepEquals(residency, NO_RESIDENCY)) this.#models.set(modelId, residency);
    const [oldest] = this.#models.keys();
    if (this.#models.size > MAX_MODELS && oldest !== undefined) this.#models.delete(oldest);
    this.#save();
  }

  /** Ends the retries, after a last one. */
  close(): void {
    this.#stop();
    if (this.#isUnsaved) this.#save();
  }

  #save(): void {
    const { writer, path } = this.#options;
    const state: StoredState = {
      drain: this.#drain,
      models: [...this.#models].map(([id, { operatorPin, isLoadPinned, ttlS }]) => ({
        id,
        pinned: operatorPin,
        load_pinned: isLoadPinned,
        ttl_s: ttlS,
      })),
    };
    this.#isUnsaved = !writer.write(path, `${JSON.stringify(state)}\n`);
  }
}

function read({ path, log }: NodeStateOptions): StoredState {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isAbsent) log.warn({ err: error, path }, 'pins, TTLs and the drain could not be read');
    return { models: [] };
  }
  try {
    return StoredState.parse(JSON.parse(text));
  } catch (error) {
    log.warn(
      { err: error, path },
      'the file with pins, TTLs and the drain is damaged: it is ignored, and the next change replaces it',
    );
    return { models: [] };
  }
}
