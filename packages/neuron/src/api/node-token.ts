import { createHash, timingSafeEqual } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

import { type ConfiguredFile, type Logger, readSecretFile, type SecretFile } from '@cortex/service';

const TOKEN_KEY = 'security.node_token_file';
/** The new token and the old one, while callers change from one to the other. */
const MAX_TOKENS = 2;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

type TokenFile = Pick<ConfiguredFile, 'file' | 'origins'>;

/** Reads the tokens of a node. @throws ConfigError naming the key when the file cannot be used */
export const readTokens = (from: TokenFile): SecretFile =>
  readSecretFile({ ...from, key: TOKEN_KEY }, { maxSecrets: MAX_TOKENS });

/** Decides whether a token is valid. */
export interface TokenCheck {
  /** Takes the same time for every wrong token. */
  isValid(given: string): boolean;
}

/** Differs between two versions of a file. */
const versionOf = ({ mtimeMs, ctimeMs, ino, size }: Stats): string =>
  [mtimeMs, ctimeMs, ino, size].join(' ');

/** The valid tokens of a node: the lines of its token file. */
export class NodeToken implements TokenCheck {
  readonly #from: TokenFile;
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  #digests: readonly Buffer[] = [];
  #version: string;
  /** What was logged about the file; undefined if it is as it should be. */
  #problem: string | undefined;

  /** @throws ConfigError when the file cannot be used */
  constructor(from: TokenFile, log: Pick<Logger, 'info' | 'warn'>) {
    this.#from = from;
    this.#log = log;
    const stats = statSync(from.file, { throwIfNoEntry: false });
    this.#version = stats === undefined ? '' : versionOf(stats);
    this.#take(readTokens(from));
  }

  isValid(given: string): boolean {
    const hashed = digest(given);
    // Compares digests, so that the time reveals neither content nor length, and compares all of them.
    return this.#digests.map((expected) => timingSafeEqual(hashed, expected)).includes(true);
  }

  /** Reads the file again if it has changed. A file that cannot be used leaves the earlier tokens valid. */
  async refresh(): Promise<void> {
    const version = await stat(this.#from.file).then(versionOf, () => '');
    if (version === this.#version) return;
    this.#version = version;
    this.reload();
  }

  /** Reads the file again. A file that cannot be used leaves the earlier tokens valid. */
  reload(): void {
    const before = this.#digests;
    try {
      this.#take(readTokens(this.#from));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#report(`the earlier node token stays valid: ${reason}`);
      return;
    }
    const isSame =
      before.length === this.#digests.length &&
      before.every((value, index) => this.#digests[index]?.equals(value) === true);
    if (!isSame) this.#log.info({ tokens: this.#digests.length }, 'the node token has changed');
  }

  #take({ secrets, warning }: SecretFile): void {
    this.#digests = secrets.map(digest);
    this.#report(warning);
  }

  #report(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) this.#log.warn(problem);
    this.#problem = problem;
  }
}
