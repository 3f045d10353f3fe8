import { createHash, timingSafeEqual } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

import { type Logger } from '../log.ts';
import { type ConfiguredFile, readSecretFile, type SecretFile } from './secret-file.ts';

/** Interval at which a daemon calls `WatchedSecrets.refresh`. */
export const SECRET_LOOK_MS = 5000;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Differs between two versions of a file. */
const versionOf = ({ mtimeMs, ctimeMs, ino, size }: Stats): string =>
  [mtimeMs, ctimeMs, ino, size].join(' ');

/** Decides whether a secret is valid. */
export interface SecretCheck {
  /** Takes the same time for every wrong secret. */
  isValid(given: string): boolean;
}

export interface WatchedSecretsOptions {
  readonly from: ConfiguredFile;
  /** What the file holds, in the words of the log: `node token`. */
  readonly name: string;
  /** 1 when absent. */
  readonly maxSecrets?: number | undefined;
  /** How many calls of `refresh` leave a change to a later one; 0 when absent. */
  readonly delayLooks?: number | undefined;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Called after the secrets have changed. */
  readonly onChange?: (() => void) | undefined;
}

/** The secrets of a file that may change while the daemon runs. A file that cannot be used leaves the earlier ones. */
export class WatchedSecrets implements SecretCheck {
  readonly #options: WatchedSecretsOptions;
  #secrets: readonly string[] = [];
  #digests: readonly Buffer[] = [];
  /** Of the file that was read last. */
  #version: string;
  /** A changed version, and how many calls of `refresh` have left it to a later one. */
  #next = { version: '', looks: 0 };
  /** What was logged about the file; undefined if it is as it should be. */
  #problem: string | undefined;

  /** @throws ConfigError when the file cannot be used */
  constructor(options: WatchedSecretsOptions) {
    this.#options = options;
    const stats = statSync(options.from.file, { throwIfNoEntry: false });
    this.#version = stats === undefined ? '' : versionOf(stats);
    this.#take(this.#read());
  }

  /** In the order of the lines. */
  get secrets(): readonly string[] {
    return this.#secrets;
  }

  isValid(given: string): boolean {
    const hashed = digest(given);
    // Compares digests, so that the time reveals neither content nor length, and compares all of them.
    return this.#digests.map((expected) => timingSafeEqual(hashed, expected)).includes(true);
  }

  /** Reads the file again if it has changed. */
  async refresh(): Promise<void> {
    const { from, delayLooks = 0 } = this.#options;
    const version = await stat(from.file).then(versionOf, () => '');
    if (version === this.#version) return;
    if (version !== this.#next.version) this.#next = { version, looks: 0 };
    this.#next.looks += 1;
    if (this.#next.looks <= delayLooks) return;
    this.#version = version;
    this.reload();
  }

  /** Reads the file again. */
  reload(): void {
    const { name, log, onChange } = this.#options;
    const before = this.#secrets;
    try {
      this.#take(this.#read());
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#report(`the earlier ${name} stays in use: ${reason}`);
      return;
    }
    if (before.join('\n') === this.#secrets.join('\n')) return;
    log.info({ lines: this.#secrets.length }, `the ${name} has changed`);
    onChange?.();
  }

  #read(): SecretFile {
    const { from, maxSecrets } = this.#options;
    return readSecretFile(from, { maxSecrets });
  }

  #take({ secrets, warning }: SecretFile): void {
    this.#secrets = secrets;
    this.#digests = secrets.map(digest);
    this.#report(warning);
  }

  #report(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) this.#options.log.warn(problem);
    this.#problem = problem;
  }
}
