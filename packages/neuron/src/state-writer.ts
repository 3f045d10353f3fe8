import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Logger } from '@cortex/service';

/**
 * Writes the state of the daemon below `state_dir`. No write error is fatal: a removed folder is created again, and
 * if nothing can be written (a full disk) the daemon continues without it and logs that once.
 */
export class StateWriter {
  readonly #log: Pick<Logger, 'warn' | 'info'>;
  #isFailing = false;

  constructor(log: Pick<Logger, 'warn' | 'info'>) {
    this.#log = log;
  }

  /** Writes a file completely, or leaves it as it was, and creates its folders; false on failure. */
  write(path: string, text: string): boolean {
    return this.#try(path, () => {
      const draft = `${path}.new`;
      try {
        writeFileSync(draft, text, { mode: 0o600 });
        renameSync(draft, path);
      } catch (error) {
        rmSync(draft, { force: true });
        throw error;
      }
    });
  }

  /** Creates a folder that only this user can read, and gives that mode to an existing one; false on failure. */
  makeFolder(path: string): boolean {
    return this.#try(path, () => {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      chmodSync(path, 0o700);
    });
  }

  /** Removes a file; a missing file counts as removed. */
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

  /** Logs that `state_dir` is not writable: once, until a write succeeds. */
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
