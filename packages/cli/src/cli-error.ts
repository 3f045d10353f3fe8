/** A failure that is printed in one line, without a stack. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** 1: failure. 2: usage error. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}
