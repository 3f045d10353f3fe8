/** One pull: it plans, downloads the files one after the other, and puts them in their places. */
import { CortexError, type PullReport, toCortexError } from '@cortex/protocol';

import type { Pause } from '../../pause.ts';
import type { RemoteSource } from '../source.ts';
import { formatSource } from '../source.ts';
import type { Downloads } from './downloads.ts';
import type { PlannedFile, PullPlan } from './planned-file.ts';
import { withRetries } from './retry-budget.ts';
import { TransferRate } from './transfer-rate.ts';

export interface PullRequest {
  readonly modelId: string;
  readonly source: RemoteSource;
  readonly quant?: string | undefined;
  /** Whether the vision projector of the repository is downloaded too, if there is one. */
  readonly wantsProjector: boolean;
  /** Whether the draft model beside the model is downloaded too, if there is one. */
  readonly wantsDraft: boolean;
}

/** A file of a finished pull. */
export interface PulledFile {
  readonly path: string;
  /** Hex; undefined if the server states another kind of checksum. */
  readonly sha256: string | undefined;
}

export interface PullDeps {
  readonly plan: (request: PullRequest, signal: AbortSignal) => Promise<PullPlan>;
  readonly downloads: Downloads;
  /** Called when all files are in their places, before the pull counts as done. */
  readonly onPulled: (request: PullRequest, result: PullResult) => Promise<void>;
  readonly pause: Pause;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export interface PullResult {
  readonly quant: string | undefined;
  readonly files: readonly PulledFile[];
}

type Outcome =
  | { readonly kind: 'running' | 'done' | 'cancelled' }
  | { readonly kind: 'failed'; readonly error: CortexError; readonly atMs: number };

export interface PullBytes {
  readonly done: number;
  /** Undefined until the sizes are known. */
  readonly total: number | undefined;
}

export class Pull {
  readonly request: PullRequest;
  /** Resolves when the pull has ended, in whatever way. */
  readonly ended: Promise<void>;
  readonly #deps: PullDeps;
  readonly #controller = new AbortController();
  readonly #rate = new TransferRate();
  readonly #bytes = new Map<PlannedFile, number>();
  readonly #onChange: (pull: Pull) => void;
  #plan: PullPlan | undefined;
  #outcome: Outcome = { kind: 'running' };

  /** @param onChange - Called after each change, bytes included. */
  constructor(request: PullRequest, deps: PullDeps, onChange: (pull: Pull) => void) {
    this.request = request;
    this.#deps = deps;
    this.#onChange = onChange;
    this.ended = this.#run();
  }

  get isRunning(): boolean {
    return this.#outcome.kind === 'running';
  }

  /** Why it failed; undefined otherwise. */
  get error(): CortexError | undefined {
    return this.#outcome.kind === 'failed' ? this.#outcome.error : undefined;
  }

  /** Whether it failed, this long ago or longer. */
  hasFailedFor(ms: number): boolean {
    return this.#outcome.kind === 'failed' && this.#deps.nowMs() - this.#outcome.atMs >= ms;
  }

  get bytes(): PullBytes {
    let done = 0;
    for (const bytes of this.#bytes.values()) done += bytes;
    return { done, total: this.#plan && totalBytes(this.#plan) };
  }

  /** The incomplete files. */
  get partialPaths(): readonly string[] {
    return this.#plan?.files.map(({ partialPath }) => partialPath) ?? [];
  }

  /** As `GET /models/pull/{id}` shows it. */
  report(): PullReport {
    const { modelId, source, quant } = this.request;
    const { done, total } = this.bytes;
    const bytesPerS = this.isRunning ? this.#rate.bytesPerS(done, this.#deps.nowMs()) : undefined;
    return {
      model_id: modelId,
      source: formatSource(source),
      quant: this.#plan?.quant ?? quant,
      status: this.#outcome.kind,
      bytes_done: done,
      bytes_total: total,
      progress: total === undefined || total === 0 ? undefined : done / total,
      bytes_per_s: bytesPerS === undefined ? undefined : Math.round(bytesPerS),
      eta_s:
        bytesPerS === undefined || total === undefined
          ? undefined
          : Math.ceil((total - done) / bytesPerS),
      files: (this.#plan?.files ?? []).map((file) => ({
        name: file.remote.name,
        bytes_done: this.#bytes.get(file) ?? 0,
        bytes_total: file.remote.sizeBytes,
      })),
      error: this.error?.message,
    };
  }

  /** Ends the pull; what was downloaded stays on the disk. Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.#controller.abort(
      new CortexError('model_load_failed', `The pull of ${this.request.modelId} was cancelled.`, {
        transient: true,
      }),
    );
    await this.ended;
  }

  async #run(): Promise<void> {
    const { request } = this;
    const { plan, downloads, onPulled, pause, nowMs } = this.#deps;
    const { signal } = this.#controller;
    // The constructor returns first.
    await Promise.resolve();
    try {
      const planned = await withRetries(() => plan(request, signal), { signal, pause });
      this.#plan = planned;
      this.#onChange(this);
      await downloads.checkSpace(planned.files);
      const files: PulledFile[] = [];
      for (const file of planned.files) {
        const onBytes = (bytes: number): void => {
          this.#bytes.set(file, bytes);
          this.#rate.note(this.bytes.done, nowMs());
          this.#onChange(this);
        };
        const sha256 = await downloads.run(file, { signal, onBytes });
        files.push({ path: await file.install(), sha256 });
      }
      await onPulled(request, { quant: planned.quant, files });
      this.#outcome = { kind: 'done' };
    } catch (thrown) {
      this.#outcome = signal.aborted
        ? { kind: 'cancelled' }
        : { kind: 'failed', error: toCortexError(thrown), atMs: nowMs() };
    }
    this.#onChange(this);
  }
}

const totalBytes = ({ files }: PullPlan): number =>
  files.reduce((sum, { remote }) => sum + remote.sizeBytes, 0);
