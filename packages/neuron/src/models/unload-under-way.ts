/** An unload that runs: requests in flight finish first, unless it is made to hurry. */
export class UnloadUnderWay {
  readonly done: Promise<void>;
  readonly #forced = Promise.withResolvers<void>();
  #isDraining: boolean;

  /**
   * @param options.idle - Resolves when no request is in flight; absent: nobody is waited for.
   * @param options.end - Frees the model.
   */
  constructor(options: { readonly idle?: Promise<void>; readonly end: () => Promise<void> }) {
    const { idle, end } = options;
    this.#isDraining = idle !== undefined;
    this.done = Promise.race([idle, this.#forced.promise]).then(() => {
      this.#isDraining = false;
      return end();
    });
    this.done.catch(() => undefined);
  }

  get state(): 'draining' | 'unloading' {
    return this.#isDraining ? 'draining' : 'unloading';
  }

  /** Waits for no request any more. */
  force(): void {
    this.#forced.resolve();
  }
}
