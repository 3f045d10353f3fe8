import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Logger } from '@cortex/service';

/**
 * Writes what the daemon keeps for itself below `state_dir`. Nothing there is worth failing for: where the folder was
 * removed it is made again, and where nothing can be written (a full disk) the daemon goes on without, and says so
 * once.
 */
export class StateWriter {
  readonly #log: Pick<Logger, 'warn' | 'info'>;
  #isFailing = false;

  constructor(log: Pick<Logger, 'warn' | 'info'>) {
    this.#log = log;
  }

  /** Writes a file, its folders too; false where that failed. */
  write(path: string, text: string): boolean {
    return this.#try(path, () => writeFileSync(path, text));
  }

  /** Makes a folder; false where that failed. */
  makeFolder(path: string): boolean {
    return this.#try(path, () => mkdirSync(path, { recursive: true }));
  }

  /** Removes a file; one that is not there is removed. */
  remove(path: string): void {
    try {
      rmSync(path, { force: true });
    } catch (error) {
      this.failed(path, error);
    }
  }

  #try(path: string, act: () => void): boolean {
    try {
      mkdirSync(dirname(path), { recursive: true });
      act();
    } catch (error) {
      this.failed(path, error);
      return false;
    }
    if (this.#isFailing) this.#log.info({ path }, 'state_dir is writable again');
    this.#isFailing = false;
    return true;
  }

  /** Reports that something below `state_dir` could not be written; the first time only, until something can. */
  failed(path: string, error: unknown): void {
    if (!this.#isFailing) {
      this.#log.warn(
        { err: error, path },
        'state_dir is not writable: the daemon keeps serving, but loses what it has learnt about models when it ends. Free some space or correct state_dir',
      );
    }
    this.#isFailing = true;
  }
}
