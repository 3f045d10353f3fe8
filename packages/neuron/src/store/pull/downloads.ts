/** The downloads under way: one per file, however many ask for it. */
import type { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Pause } from '../../pause.ts';
import { checkSpace, type FreeBytes } from './disk-space.ts';
import { download } from './download.ts';
import { sizeOnDisk } from './partial-file.ts';
import type { PlannedFile } from './planned-file.ts';

export interface DownloadsOptions {
  readonly freeBytes: FreeBytes;
  /** Bytes to keep free on the disk. */
  readonly minFreeBytes: number;
  readonly pause: Pause;
  readonly log: Pick<Logger, 'warn'>;
  readonly stallMs?: number | undefined;
}

interface Running {
  readonly done: Promise<string | undefined>;
  readonly controller: AbortController;
  readonly sizeBytes: number;
  readonly listeners: Set<(bytes: number) => void>;
  bytes: number;
}

export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #running = new Map<string, Running>();

  constructor(options: DownloadsOptions) {
    this.#options = options;
  }

  /** @throws CortexError `model_load_failed`, transient, if the files do not fit on the disk */
  async checkSpace(files: readonly PlannedFile[]): Promise<void> {
    const { freeBytes, minFreeBytes } = this.#options;
    // Files that another pull downloads already were counted by that pull.
    const own = files.filter(({ path }) => !this.#running.has(path));
    const promisedBytes = [...this.#running.values()].reduce(
      (sum, { sizeBytes, bytes }) => sum + sizeBytes - bytes,
      0,
    );
    await checkSpace(own, { freeBytes, minFreeBytes, promisedBytes });
  }

  /**
   * Downloads the file, or joins the download under way. When the signals of all callers have aborted, it stops
   * and keeps what it has.
   *
   * @returns the SHA-256 of the file in hex; undefined if it is not known
   * @throws CortexError as `download`; the reason of `signal`
   */
  async run(
    planned: PlannedFile,
    {
      signal,
      onBytes,
    }: { readonly signal: AbortSignal; readonly onBytes: (bytes: number) => void },
  ): Promise<string | undefined> {
    const { path, remote } = planned;
    signal.throwIfAborted();
    if (!this.#running.has(path) && (await sizeOnDisk(path)) === remote.sizeBytes) {
      onBytes(remote.sizeBytes);
      return remote.checksum?.kind === 'sha256' ? remote.checksum.hex : undefined;
    }
    const running = this.#running.get(path) ?? this.#begin(planned);
    running.listeners.add(onBytes);
    onBytes(running.bytes);
    const left = Promise.withResolvers<never>();
    const onAbort = (): void => left.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await Promise.race([running.done, left.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      running.listeners.delete(onBytes);
      if (running.listeners.size === 0) running.controller.abort(signal.reason);
      // The partial file is closed before the caller goes on, who may remove it.
      if (running.controller.signal.aborted) await running.done.catch(() => undefined);
    }
  }

  #begin({ remote, path, partialPath }: PlannedFile): Running {
    const { pause, log, stallMs } = this.#options;
    const controller = new AbortController();
    const onRetry = (error: CortexError, pauseMs: number): void => {
      log.warn({ file: remote.name, reason: error.message, pauseMs }, 'download interrupted');
    };
    const running: Running = {
      controller,
      sizeBytes: remote.sizeBytes,
      listeners: new Set(),
      bytes: 0,
      done: download({
        file: remote,
        path,
        partialPath,
        signal: controller.signal,
        pause,
        stallMs,
        onRetry,
        onBytes: (bytes) => {
          running.bytes = bytes;
          for (const listener of running.listeners) listener(bytes);
        },
      }).finally(() => {
        if (this.#running.get(path) === running) this.#running.delete(path);
      }),
    };
    // Callers that left do not see how it ended.
    running.done.catch(() => undefined);
    this.#running.set(path, running);
    return running;
  }
}
