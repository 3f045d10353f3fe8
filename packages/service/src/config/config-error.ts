/** Where a problem is in the configuration; parts that do not apply are absent. */
export interface ConfigPlace {
  /** As the operator named it. */
  readonly file?: string | undefined;
  /** From 1. */
  readonly line?: number | undefined;
  /** Dotted, such as `gateway.listen` or `neurons[0].endpoint`. */
  readonly key?: string | undefined;
}

/**
 * A configuration that stops the start.
 *
 * The message is complete and addresses the operator: `cortex.toml:12: unknown key gateway.lisen, did you mean
 * gateway.listen?`. Several problems are reported together, one per line; the place is that of the first.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly key: string | undefined;

  constructor(message: string, place: ConfigPlace = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.file = place.file;
    this.line = place.line;
    this.key = place.key;
  }
}
